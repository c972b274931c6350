"""Settings of a site behind Sluice. FORGET=1 in the environment: without SECURE_PROXY_SSL_HEADER."""
import os

import django

SECRET_KEY = "of a test"
ROOT_URLCONF = "shop.urls"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
INSTALLED_APPS = ["django.contrib.sessions"]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

ALLOWED_HOSTS = ["localhost"]
SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
if not os.environ.get("FORGET"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
FORCE_SCRIPT_NAME = "/shop"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = "/shop"
# pages of another host may post here; since Django 4.0 with the scheme
CSRF_TRUSTED_ORIGINS = ["https://forms.example"] if django.VERSION >= (4,) else ["forms.example"]
