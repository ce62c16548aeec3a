package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"
)

type status struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Restarts int    `json:"restarts"`
}

// listen answers GET /components and POST /components/NAME/kill|stop|start|restart on a socket in the state folder.
func (s *supervisor) listen(path string) error {
	// A file of that name is left over when process 1 was killed.
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /components", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(s.status())
	})
	mux.HandleFunc("POST /components/{name}/{action}", func(w http.ResponseWriter, r *http.Request) {
		if err := s.act(r.PathValue("name"), r.PathValue("action")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(s.status())
	})
	go http.Serve(listener, mux)
	return nil
}

func (s *supervisor) status() []status {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []status{}
	for _, c := range s.components {
		all = append(all, status{c.config.Name, c.state, c.restarts})
	}
	return all
}

// act returns when the action has taken effect; a killed component is being restarted by then, a stopped one stays down.
func (s *supervisor) act(name, action string) error {
	at := slices.IndexFunc(s.components, func(c *component) bool { return c.config.Name == name })
	if at < 0 {
		return fmt.Errorf("there is no component %q", name)
	}
	c := s.components[at]
	switch action {
	case "kill":
		s.end(c, syscall.SIGKILL)
	case "stop":
		s.want(c, false)
		s.end(c, syscall.SIGTERM)
	case "start":
		s.want(c, true)
	case "restart":
		s.want(c, false)
		s.end(c, syscall.SIGTERM)
		s.want(c, true)
	default:
		return fmt.Errorf("unknown action %q: use kill, stop, start or restart", action)
	}
	return nil
}

func (s *supervisor) want(c *component, wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.wanted = wanted
	if c.pid == 0 {
		c.state = map[bool]string{true: "waiting", false: "stopped"}[wanted]
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// end signals the component's process and waits for it; one that ignores the signal is killed.
func (s *supervisor) end(c *component, signal syscall.Signal) {
	s.mu.Lock()
	exited, pid := c.exited, c.pid
	if pid != 0 {
		syscall.Kill(pid, signal)
	}
	s.mu.Unlock()
	if pid == 0 {
		return
	}
	select {
	case <-exited:
		return
	case <-time.After(stopPatience):
	}
	s.mu.Lock()
	if c.pid == pid {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	s.mu.Unlock()
	<-exited
}

// stopAll ends the components last to first, so that none misses what it depends on.
func (s *supervisor) stopAll() {
	for _, c := range slices.Backward(s.components) {
		s.want(c, false)
		s.end(c, syscall.SIGTERM)
	}
}
