package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

// api speaks to the API server by the pod's own account. A client library would take minutes to compile.
type api struct {
	client http.Client
	url    string
}

func newAPI() (*api, error) {
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	address := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	return &api{client: http.Client{Transport: transport, Timeout: 30 * time.Second}, url: "https://" + address}, nil
}

// call sends body, if there is one, and reads the answer into into, if that is wanted.
func (a *api) call(method, path string, body, into any) error {
	var sent []byte
	if body != nil {
		sent, _ = json.Marshal(body)
	}
	request, err := http.NewRequest(method, a.url+path, bytes.NewReader(sent))
	if err != nil {
		return err
	}
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %.500s", method, path, response.StatusCode, said)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(said, into)
}
