"""An API on FastAPI. It knows nothing of the gateway: uvicorn has told it who the client is. FILE: what /file is."""
import hashlib
import os

from fastapi import FastAPI, File, Form, Request, Response, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse

app = FastAPI()


@app.get("/who")
def who(request: Request):
    return {"ip": request.client.host, "scheme": request.url.scheme, "host": request.url.netloc, "url": str(request.url),
            "fields": request.headers.items()}


@app.get("/items/")
def items():
    return []


@app.get("/login")
def login(request: Request):
    response = RedirectResponse(request.url_for("items"), 302)
    response.set_cookie("id", "alice", path=request.scope["root_path"] + "/", httponly=True, secure=request.url.scheme == "https")
    return response


@app.get("/admin/page", response_class=PlainTextResponse)
def admin():
    return "for the inside"


@app.post("/upload")
async def upload(file: UploadFile = File(), note: str = Form()):
    body = await file.read()
    return {"name": file.filename, "size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "note": note}


@app.get("/file")
def download() -> Response:
    return FileResponse(os.environ["FILE"])


@app.websocket("/socket")
async def socket(ws: WebSocket):
    await ws.accept()
    await ws.send_text(f"hello {ws.client.host} by {ws.headers['x-forwarded-proto']}")
    try:
        while True:
            await ws.send_text(await ws.receive_text())
    except WebSocketDisconnect:
        pass
