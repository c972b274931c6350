/* Hashes of the password "secret", as cheap as they may be. */
#ifndef TESTS_PLUGINS_BASIC_AUTH_HASHES_H
#define TESTS_PLUGINS_BASIC_AUTH_HASHES_H

#define BCRYPT "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
#define SHA512                                                                    \
	"$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/" \
	"Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/"
#define SHA256 "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2"
#define YESCRYPT "$y$j75$F5Jx5fExrKuPp53xLKQ..1$l5YiXCKNY/N9ezall4xjJAFS/wg.kWVcFXfOzyxVn1."
#define GOST_YESCRYPT "$gy$j75$F5Jx5fExrKuPp53xLKQ..1$bgmrgn26CneQR5xZzYw0CauRM62c6nuTmzWYctqxBg7"
#define MD5CRYPT "$1$saltsalt$9xy1btjgzLYfb7hivXtC//"
#define APR1 "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0"

#endif
