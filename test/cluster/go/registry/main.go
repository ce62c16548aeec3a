// Command registry is an OCI registry in memory for tests: by TLS with a given certificate where one is given, and
// behind a login where one is given. It prints the address it listens on.
package main

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listener, err := net.Listen("tcp", os.Getenv("LISTEN"))
	if err != nil {
		log.Fatal(err)
	}
	// Tests refuse handshakes on purpose.
	silent := log.New(io.Discard, "", 0)
	handler := registry.New(registry.Logger(silent))
	if login := os.Getenv("LOGIN"); login != "" {
		handler = behindLogin(login, handler)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ErrorLog: silent}
	fmt.Println(listener.Addr())
	if certificate := os.Getenv("CERTIFICATE"); certificate != "" {
		log.Fatal(server.ServeTLS(listener, certificate, os.Getenv("KEY")))
	}
	log.Fatal(server.Serve(listener))
}

// behindLogin lets in who knows the login, written as user:password.
func behindLogin(login string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		user, password, _ := request.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(user+":"+password), []byte(login)) == 1 {
			next.ServeHTTP(answer, request)
			return
		}
		answer.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		http.Error(answer, "log in first", http.StatusUnauthorized)
	})
}
