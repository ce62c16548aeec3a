package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const readinessPause = 25 * time.Millisecond

// Its answer is only a hint when to start, and the address is inside the namespace: whose certificate it is does not matter.
var readinessClient = http.Client{
	Timeout:   time.Second,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
}

// waitFor returns true once all the component needs is ready, false when it is no longer wanted.
func (s *supervisor) waitFor(c *component) bool {
	for _, what := range c.config.After {
		for isReady(what) != nil {
			if !s.isWanted(c) {
				return false
			}
			time.Sleep(readinessPause)
		}
	}
	return true
}

// isReady takes an https address that must answer 200, or tcp:ADDRESS:PORT or unix:PATH that must accept a connection.
func isReady(what string) error {
	if strings.HasPrefix(what, "https://") {
		response, err := readinessClient.Get(what)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", what, response.Status)
		}
		return nil
	}
	network, address, _ := strings.Cut(what, ":")
	connection, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return err
	}
	return connection.Close()
}
