/* The classes of bytes behind the scanners. Computed by the compiler from the definitions below. */
#include "http/scan.h"

#define DIGIT(c) ((c) >= '0' && (c) <= '9')
#define LOWER(c) ((c) >= 'a' && (c) <= 'z')
#define UPPER(c) ((c) >= 'A' && (c) <= 'Z')
#define ALNUM(c) (DIGIT(c) || LOWER(c) || UPPER(c))
#define MARK(c) ((c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define VISIBLE(c) ((c) > 0x20 && (c) < 0x7f)
#define TCHAR(c)                                                                           \
	(ALNUM(c) || (c) == '!' || (c) == '#' || (c) == '$' || (c) == '%' || (c) == '&' || \
		(c) == '\'' || (c) == '*' || (c) == '+' || (c) == '-' || (c) == '.' ||     \
		(c) == '^' || (c) == '_' || (c) == '`' || (c) == '|' || (c) == '~')

#define C(c)                                                                                     \
	((TCHAR(c) ? SCAN_TOKEN : 0) |                                                           \
		((c) == '\t' || ((c) >= 0x20 && (c) != 0x7f) ? SCAN_VALUE : 0) |                 \
		(VISIBLE(c) ? SCAN_VISIBLE : 0) | (VISIBLE(c) && (c) != ':' ? SCAN_NAME : 0) |   \
		(VISIBLE(c) && (c) != '#' && (c) != '%' && (c) != '?' && (c) != '\\' ? SCAN_PATH \
										     : 0) |      \
		(ALNUM(c) || MARK(c) ? SCAN_UNRESERVED : 0) |                                    \
		(DIGIT(c) || LOWER(c) || MARK(c) ? SCAN_HOST : 0))
#define C4(c) C(c), C((c) + 1), C((c) + 2), C((c) + 3)
#define C16(c) C4(c), C4((c) + 4), C4((c) + 8), C4((c) + 12)
#define C64(c) C16(c), C16((c) + 16), C16((c) + 32), C16((c) + 48)

const uint8_t scan_class[256] = { C64(0), C64(64), C64(128), C64(192) };
