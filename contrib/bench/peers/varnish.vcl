vcl 4.1;

backend origin {
	.host = "@servers[0].split(':')[0]@";
	.port = "@servers[0].split(':')[1]@";
}

sub vcl_recv {
#: if websocket
	if (req.http.Upgrade) {
		return (pipe);
	}
#: end
	return (@'hash' if cache else 'pass'@);
}

#: if cache
sub vcl_backend_response {
	set beresp.ttl = 1h;
}
#: end

#: if websocket
sub vcl_pipe {
	set bereq.http.Upgrade = req.http.Upgrade;
	set bereq.http.Connection = req.http.Connection;
}
#: end
