"""A site with a form. Its views know nothing of the gateway but where they want to know the client's address."""
import hashlib
import os

from django.http import FileResponse, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


def client(request):
    """The client's address: Django itself never believes X-Forwarded-For. The last member is Sluice's word."""
    if request.META["REMOTE_ADDR"] == "127.0.0.1":
        return request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    return request.META["REMOTE_ADDR"]


def who(request):
    fields = {k: v for k, v in request.META.items() if k.startswith("HTTP_") or k in ("SCRIPT_NAME", "PATH_INFO")}
    return JsonResponse({"ip": client(request), "scheme": request.scheme, "host": request.get_host(), "fields": fields,
                         "url": request.build_absolute_uri()})


def private(request):
    if "user" not in request.session:
        return redirect(f"{request.build_absolute_uri('login/')}?next={request.path}")
    return JsonResponse({"user": request.session["user"]})


def admin(_request):
    return HttpResponse("for the inside")


def login(request):
    if request.method == "GET":
        return HttpResponse(f'<form method=post><input name=csrfmiddlewaretoken value="{get_token(request)}"><input name=user></form>')
    request.session["user"] = request.POST["user"]
    return redirect("private")


@csrf_exempt
def upload(request):
    file = request.FILES["file"]
    sha256 = hashlib.sha256(b"".join(file.chunks())).hexdigest()
    return JsonResponse({"name": file.name, "size": file.size, "sha256": sha256, "note": request.POST["note"]})


def download(_request):
    return FileResponse(open(os.environ["FILE"], "rb"))


urlpatterns = [path("who", who), path("private", private, name="private"), path("login/", login, name="login"),
               path("admin/page", admin),
               path("upload", upload), path("file", download)]
