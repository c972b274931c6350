// A shop on Express. It knows nothing of the prefix under which it is published. PORT: where it listens;
// FORGET: without what a program behind a gateway needs.
'use strict';
const crypto = require('crypto');
const express = require('express');
const { WebSocketServer } = require('ws');

const app = express();
if (!process.env.FORGET) {
	app.set('trust proxy', '127.0.0.1');
	app.set('case sensitive routing', true);
}

app.get('/who', (req, res) => res.json({
	ip: req.ip, scheme: req.protocol, host: req.get('host'), hostname: req.hostname, fields: req.rawHeaders,
	url: `${req.protocol}://${req.get('host')}${req.originalUrl}`,
}));

app.get('/login', (req, res) => {
	res.cookie('id', 'alice', { httpOnly: true, sameSite: 'lax', secure: req.secure });
	res.redirect('/home');
});

app.get('/absolute', (req, res) => res.redirect(`${req.protocol}://${req.get('host')}/home`));

app.get('/admin/page', (req, res) => res.send('for the inside'));

app.get('/home', (req, res) => res.json({ cookie: req.get('cookie') }));

// What arrives is counted as it comes.
app.post('/upload', (req, res) => {
	const sum = crypto.createHash('sha256');
	let size = 0;
	req.on('data', (data) => { size += data.length; sum.update(data); });
	req.on('end', () => res.json({ type: req.get('content-type'), size, sha256: sum.digest('hex') }));
});

app.get('/file', (req, res) => res.sendFile(process.env.FILE));

const server = app.listen(process.env.PORT, '127.0.0.1');
const sockets = new WebSocketServer({ server, path: '/socket' });
sockets.on('connection', (socket, req) => {
	socket.send(`hello ${req.headers['x-forwarded-for']} by ${req.headers['x-forwarded-proto']}`);
	socket.on('message', (data, binary) => socket.send(data, { binary }));
});
