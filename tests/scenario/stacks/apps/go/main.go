// A shop on net/http. -listen: where; -gateway: the address of Sluice, whose word about the client is believed; -file: what /file is.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

// trusted makes a request look as the client sent it: its address in RemoteAddr, the scheme and the prefix in URL. The fields of a peer
// that is not the gateway are ignored.
type trusted struct {
	gateway string
	next    http.Handler
}

func (t trusted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer, _, _ := net.SplitHostPort(r.RemoteAddr)
	r.URL.Scheme, r.URL.Host = "http", r.Host
	if peer == t.gateway {
		members := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
		r.RemoteAddr = strings.TrimSpace(members[len(members)-1])
		if r.Header.Get("X-Forwarded-Proto") == "https" {
			r.URL.Scheme = "https"
		}
	} else {
		r.RemoteAddr = peer
		r.Header.Del("X-Forwarded-Prefix")
	}
	t.next.ServeHTTP(w, r)
}

// public is the URL by which clients know a path of this program.
func public(r *http.Request, path string) string {
	return r.URL.Scheme + "://" + r.URL.Host + r.Header.Get("X-Forwarded-Prefix") + path
}

func who(w http.ResponseWriter, r *http.Request) {
	reply(w, map[string]any{"ip": r.RemoteAddr, "scheme": r.URL.Scheme, "host": r.URL.Host, "url": public(r, r.URL.Path), "fields": r.Header})
}

func login(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "id", Value: "alice", Path: r.Header.Get("X-Forwarded-Prefix") + "/", HttpOnly: true,
		Secure: r.URL.Scheme == "https"})
	http.Redirect(w, r, public(r, "/home"), http.StatusFound)
}

func upload(w http.ResponseWriter, r *http.Request) {
	file, head, err := r.FormFile("file")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer file.Close()
	sum := sha256.New()
	size, _ := io.Copy(sum, file)
	reply(w, map[string]any{"name": head.Filename, "size": size, "sha256": hex.EncodeToString(sum.Sum(nil)), "note": r.FormValue("note")})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8081", "where to listen")
	gateway := flag.String("gateway", "", "the address of Sluice")
	file := flag.String("file", "", "what /file is")
	flag.Parse()
	mux := http.NewServeMux()
	mux.HandleFunc("/who", who)
	mux.HandleFunc("/login", login)
	mux.HandleFunc("/admin/page", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "for the inside") })
	mux.HandleFunc("/upload", upload)
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, *file) })
	server := &http.Server{Addr: *listen, Handler: trusted{*gateway, mux}, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	log.Fatal(server.ListenAndServe())
}
