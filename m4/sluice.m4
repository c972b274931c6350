dnl Macros of configure.ac.

dnl SLUICE_TRY(variable, flag, compile or link): append flag to variable when the compiler takes it without complaint.
AC_DEFUN([SLUICE_TRY], [
	AS_VAR_PUSHDEF([cache], [sluice_cv_flag_$2])
	AC_CACHE_CHECK([whether $CC accepts $2], [cache], [
		sluice_save_CFLAGS=$CFLAGS
		sluice_save_LDFLAGS=$LDFLAGS
		CFLAGS="$CFLAGS -Wall -Werror $2"
		AS_IF([test $3 = link], [LDFLAGS="$LDFLAGS $2"])
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		CFLAGS=$sluice_save_CFLAGS
		LDFLAGS=$sluice_save_LDFLAGS
	])
	AS_VAR_IF([cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
	AS_VAR_POPDEF([cache])
])

dnl SLUICE_C_FLAGS(variable, flags), SLUICE_LD_FLAGS(variable, flags): those that the compiler or the linker knows.
AC_DEFUN([SLUICE_C_FLAGS], [
	$1=
	for sluice_flag in m4_normalize([$2]); do
		SLUICE_TRY([$1], [$sluice_flag], [compile])
	done
	AC_SUBST([$1])
])
AC_DEFUN([SLUICE_LD_FLAGS], [
	$1=
	for sluice_flag in m4_normalize([$2]); do
		SLUICE_TRY([$1], [$sluice_flag], [link])
	done
	AC_SUBST([$1])
])

dnl SLUICE_PKG(PREFIX, requirement, Debian package); SLUICE_PKG_MISSING stops when one was not there.
AC_DEFUN([SLUICE_PKG], [
	PKG_CHECK_MODULES([$1], [$2], [], [
		AC_MSG_RESULT([no])
		sluice_missing="$sluice_missing $3"
		sluice_missing_text="$sluice_missing_text
  $2: on Debian and Ubuntu, package $3"
	])
])
AC_DEFUN([SLUICE_PKG_MISSING], [
	AS_IF([test "x$sluice_missing" != x], [AC_MSG_ERROR([these libraries are missing or too old:$sluice_missing_text

  apt-get install$sluice_missing
])])
])

dnl SLUICE_PYTHON(modules): PYTHON is an interpreter that has them all, else any; have_pytest says which.
AC_DEFUN([SLUICE_PYTHON], [
	AC_ARG_VAR([PYTHON], [Python 3 interpreter that runs the tests])
	AC_MSG_CHECKING([for a Python 3 with the modules of the scenario tests])
	have_pytest="no (scenario tests need Python modules: $1)"
	sluice_python=
	for sluice_p in $PYTHON python3 /usr/bin/python3; do
		AS_IF([$sluice_p -c 'import sys; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1], [
			AS_IF([test "x$sluice_python" = x], [sluice_python=$sluice_p])
			AS_IF([$sluice_p -c 'import $1' >/dev/null 2>&1], [
				sluice_python=$sluice_p
				have_pytest=yes
				break
			])
		])
	done
	PYTHON=$sluice_python
	AC_MSG_RESULT([$PYTHON, $have_pytest])
])

dnl SLUICE_WITH(name, PREFIX, pkg-config modules, Debian package, what for): a library that is used when it is there. --without-NAME leaves it out,
dnl --with-NAME makes it an error that it is missing. PREFIX_CFLAGS has -DHAVE_PREFIX; have_NAME says what came of it.
AC_DEFUN([SLUICE_WITH], [
	AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1], [$5 (default: when it is found)])], [], [with_$1=auto])
	have_$1=no
	AS_IF([test "x$with_$1" != xno], [
		PKG_CHECK_MODULES([$2], [$3], [have_$1=yes], [
			AC_MSG_RESULT([no])
			AS_IF([test "x$with_$1" != xauto], [AC_MSG_ERROR([--with-$1: on Debian and Ubuntu, package $4])])
			have_$1="no ($5 needs $4)"
		])
	])
	AS_IF([test "x$have_$1" = xyes], [$2_CFLAGS="$$2_CFLAGS -DHAVE_$2=1"], [$2_CFLAGS= $2_LIBS=])
	AC_SUBST([$2_CFLAGS])
	AC_SUBST([$2_LIBS])
])
