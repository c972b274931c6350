/* SHA-256 of the keys of tests, by `printf %s KEY | sha256sum`. */
#ifndef TESTS_KEY_AUTH_DIGESTS_H
#define TESTS_KEY_AUTH_DIGESTS_H

#define ALICE "72ee9d4355ccb9d3a4c9dbf37382e38e75c1b1a225b5bd1f729ee91bbda30c20" /* alice-key */
#define BOB "9b94dc1a51a38769f135edf04033ad7f2f487b6c25929be7a861cfc1ab10cf98"   /* bob-key */
#define OLD "762c08fc17a1cc5f00d248f8b50f2f2f4d17ff2934ac31e64deacb3f5bb3f2ec"   /* old-key */

#endif
