/* Keys, messages and signatures of RFC 9421, appendix B. */
#ifndef TESTS_RFC9421_H
#define TESTS_RFC9421_H

#define RFC_SECRET                                                                              \
	"base64:uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsa" \
	"sjlTMtDQ=="
#define RFC_ED25519                                                                               \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0b" \
	"s\"}"
#define RFC_P256                                                             \
	"-----BEGIN PUBLIC KEY-----\n"                                       \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\n" \
	"w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n"     \
	"-----END PUBLIC KEY-----\n"
#define RFC_RSA_PSS                                                          \
	"-----BEGIN PUBLIC KEY-----\n"                                       \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2\n" \
	"+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+\n" \
	"oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq\n" \
	"gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W\n" \
	"Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4\n" \
	"aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI\n" \
	"2wIDAQAB\n"                                                         \
	"-----END PUBLIC KEY-----\n"

#define RFC_BODY "{\"hello\": \"world\"}"
#define RFC_DIGEST                                                                              \
	"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwE" \
	"mTHWXvJwew==:"
#define RFC_CREATED UINT64_C(1618884473)

/* B.2.1 */
#define RFC_B21_LIST \
	"();created=1618884473;keyid=\"test-key-rsa-pss\";nonce=\"b3k2pp5k7z-50gnwp.yemd\""
#define RFC_B21                                                                                 \
	"d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGx" \
	"btRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72" \
	"rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5W" \
	"Sb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw" \
	"9Q=="
/* B.2.2 */
#define RFC_B22_LIST                                                         \
	"(\"@authority\" \"content-digest\" \"@query-param\";name=\"Pet\");" \
	"created=1618884473;keyid=\"test-key-rsa-pss\";tag=\"header-example\""
#define RFC_B22                                                                                 \
	"LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvu" \
	"JyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEu" \
	"EfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ" \
	"99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjH" \
	"Sw=="
/* B.2.4, of a response: the base as it stands there */
#define RFC_B24_BASE                                                                            \
	"\"@status\": 200\n"                                                                    \
	"\"content-type\": application/json\n"                                                  \
	"\"content-digest\": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5" \
	"oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:\n"                                                   \
	"\"content-length\": 23\n"                                                              \
	"\"@signature-params\": (\"@status\" \"content-type\" \"content-digest\" "              \
	"\"content-length\");created=1618884473;keyid=\"test-key-ecc-p256\""
#define RFC_B24                                                                           \
	"wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+" \
	"32oiasw=="
/* B.2.5 */
#define RFC_B25_LIST                                                                         \
	"(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-" \
	"secret\""
#define RFC_B25 "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
/* B.2.6 */
#define RFC_B26_LIST                                                                           \
	"(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");" \
	"created=1618884473;keyid=\"test-key-ed25519\""
#define RFC_B26                                                                               \
	"wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBK" \
	"RCw=="

#endif
