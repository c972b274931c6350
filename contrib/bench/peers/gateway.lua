-- A gateway's work in nginx with Lua, as well as its usual parts allow: access tokens (RS256 or ES256) verified by OpenSSL, or
-- asked about by a subrequest, remembered until they expire, and each subject counted: here in shared memory, or in Redis with one
-- pipelined round trip.
local ffi = require "ffi"
local json = require "cjson.safe"
local lrucache = require "resty.lrucache"

ffi.cdef [[
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_md_st EVP_MD;
typedef struct bio_st BIO;
BIO *BIO_new_mem_buf(const void *data, int len);
int BIO_free(BIO *b);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *b, EVP_PKEY **key, void *password, void *arg);
const EVP_MD *EVP_sha256(void);
EVP_MD_CTX *EVP_MD_CTX_new(void);
int EVP_MD_CTX_reset(EVP_MD_CTX *ctx);
int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, void *pctx, const EVP_MD *md, void *engine, EVP_PKEY *key);
int EVP_DigestVerify(EVP_MD_CTX *ctx, const char *signature, size_t signature_len, const char *data, size_t data_len);
]]
local openssl = ffi.C

local LIMIT, WINDOW = 1000000000, 10
local M = {}
local algorithm, key, context, issuer, audience, redis_port, remembered

function M.setup(alg, pem_path, want_issuer, want_audience, port, most_remembered)
	algorithm = alg
	local file = assert(io.open(pem_path))
	local pem = file:read("*a")
	file:close()
	local bio = openssl.BIO_new_mem_buf(pem, #pem)
	key = openssl.PEM_read_bio_PUBKEY(bio, nil, nil, nil)
	openssl.BIO_free(bio)
	context = openssl.EVP_MD_CTX_new()
	issuer, audience, redis_port = want_issuer, want_audience, port
	remembered = lrucache.new(most_remembered)
end

local function decode(part)
	local text = part:gsub("[-_]", { ["-"] = "+", ["_"] = "/" })
	return ngx.decode_base64(text .. ("="):rep(-#text % 4))
end

-- A number of ASN.1: no zeros at first, but one where it would read as negative.
local function number(bytes)
	local rest = bytes:gsub("^%z+", "")
	if rest == "" or rest:byte() >= 128 then
		rest = "\0" .. rest
	end
	return "\2" .. string.char(#rest) .. rest
end

-- OpenSSL takes a signature of ES256 in DER; a token has its two numbers one behind the other.
local function in_der(signature)
	local both = number(signature:sub(1, 32)) .. number(signature:sub(33))
	return "\48" .. string.char(#both) .. both
end

local function signed(data, signature)
	if algorithm == "ES256" then
		if #signature ~= 64 then
			return false
		end
		signature = in_der(signature)
	end
	openssl.EVP_MD_CTX_reset(context)
	return openssl.EVP_DigestVerifyInit(context, nil, openssl.EVP_sha256(), nil, key) == 1
		and openssl.EVP_DigestVerify(context, signature, #signature, data, #data) == 1
end

local function has(list, value)
	if type(list) ~= "table" then
		return list == value
	end
	for _, member in ipairs(list) do
		if member == value then
			return true
		end
	end
	return false
end

local function verify(token)
	local data, signature = token:match("^([%w_-]+%.[%w_-]+)%.([%w_-]+)$")
	if not data then
		return nil
	end
	local head, claims = data:match("^(.-)%.(.*)$")
	head, claims, signature = json.decode(decode(head)), json.decode(decode(claims)), decode(signature)
	if not head or not claims or not signature or head.alg ~= algorithm or not signed(data, signature) then
		return nil
	end
	local left = (tonumber(claims.exp) or 0) - ngx.time()
	if claims.iss ~= issuer or not has(claims.aud, audience) or left <= 0 then
		return nil
	end
	remembered:set(token, claims.sub, left)
	return claims.sub
end

-- An opaque token: the authorization server says what it means (RFC 7662).
local function ask(token)
	if not token:match("^[%w%-._~+/]+=*$") then
		return nil
	end
	local said = ngx.location.capture("/introspect", { method = ngx.HTTP_POST, body = "token=" .. ngx.escape_uri(token) })
	local claims = said.status == 200 and json.decode(said.body)
	if not claims or claims.active ~= true or not has(claims.aud, audience) then
		return nil
	end
	local left = (tonumber(claims.exp) or 0) - ngx.time()
	if left <= 0 then
		return nil
	end
	remembered:set(token, claims.sub, math.min(left, 3600))
	return claims.sub
end

local function subject(learn)
	local field = ngx.var.http_authorization or ""
	local token = field:sub(1, 7) == "Bearer " and field:sub(8)
	local sub = token and (remembered:get(token) or learn(token))
	if not sub then
		ngx.header["WWW-Authenticate"] = "Bearer"
		ngx.exit(401)
	end
	return sub
end

local function window_key(sub)
	return "limit:" .. sub .. ":" .. math.floor(ngx.time() / WINDOW)
end

local function count(sub)
	local n = ngx.shared.limits:incr(window_key(sub), 1, 0, 2 * WINDOW)
	if not n or n > LIMIT then
		ngx.exit(429)
	end
end

function M.here()
	count(subject(verify))
end

function M.asked()
	count(subject(ask))
end

function M.shared()
	local k = window_key(subject(verify))
	local socket = ngx.socket.tcp()
	socket:settimeout(1000)
	if not socket:connect("127.0.0.1", redis_port) then
		return ngx.exit(503)
	end
	socket:send({ "*2\r\n$4\r\nINCR\r\n$", #k, "\r\n", k, "\r\n*3\r\n$6\r\nEXPIRE\r\n$", #k, "\r\n", k, "\r\n$2\r\n", 2 * WINDOW, "\r\n" })
	local count = socket:receive()
	if not count or not socket:receive() then
		return ngx.exit(503)
	end
	socket:setkeepalive(60000, 256)
	if tonumber(count:sub(2)) > LIMIT then
		ngx.exit(429)
	end
end

return M
