package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	shortestPause = 100 * time.Millisecond
	longestPause  = 2 * time.Second
	stopPatience  = 3 * time.Second
	maxLogBytes   = 32 << 20
)

// supervisor keeps the components running. One lock guards which process belongs to which component, so that a
// child that ends the moment it starts is still recognised by reap.
type supervisor struct {
	logDir     string
	mu         sync.Mutex
	components []*component
}

type component struct {
	config   componentConfig
	state    string // waiting, running, stopped
	pid      int
	restarts int
	wanted   bool
	exited   chan struct{} // closed when the current process has ended
	wake     chan struct{} // holds one token when wanted has changed
}

func newSupervisor(logDir string, configs []componentConfig) *supervisor {
	s := &supervisor{logDir: logDir}
	for _, config := range configs {
		s.components = append(s.components, &component{config: config, state: "waiting", wanted: true, wake: make(chan struct{}, 1)})
	}
	return s
}

func (s *supervisor) startAll() {
	for _, c := range s.components {
		go s.keepRunning(c)
	}
}

func (s *supervisor) keepRunning(c *component) {
	pause := shortestPause
	for {
		if !s.isWanted(c) {
			<-c.wake
			continue
		}
		if !s.waitFor(c) {
			continue
		}
		started := time.Now()
		exited, err := s.spawn(c)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: cannot start: %v\n", c.config.Name, err)
		} else if exited == nil {
			continue
		} else {
			<-exited
		}
		if time.Since(started) > 10*time.Second {
			pause = shortestPause
		}
		select {
		case <-c.wake:
		case <-time.After(pause):
		}
		pause = min(pause*2, longestPause)
	}
}

func (s *supervisor) spawn(c *component) (chan struct{}, error) {
	log, err := s.openLog(c.config.Name)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp"}
	for name, value := range c.config.Env {
		env = append(env, name+"="+value)
	}
	none, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer none.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.wanted {
		return nil, nil
	}
	pid, err := syscall.ForkExec(c.config.Command[0], c.config.Command, &syscall.ProcAttr{
		Dir: "/", Env: env, Files: []uintptr{none.Fd(), log.Fd(), log.Fd()}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, err
	}
	c.pid, c.state, c.exited = pid, "running", make(chan struct{})
	return c.exited, nil
}

func (s *supervisor) openLog(name string) (*os.File, error) {
	path := filepath.Join(s.logDir, name+".log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
}

// reap collects every ended child, also those that containers' dead parents left to process 1.
func (s *supervisor) reap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		for _, c := range s.components {
			if c.pid == pid {
				fmt.Fprintf(os.Stderr, "%s %s ended: exit code %d, signal %v\n", time.Now().UTC().Format(time.RFC3339Nano), c.config.Name, status.ExitStatus(), status.Signal())
				c.pid, c.state = 0, "waiting"
				if c.wanted {
					c.restarts++
				} else {
					c.state = "stopped"
				}
				close(c.exited)
			}
		}
	}
}

func (s *supervisor) isWanted(c *component) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.wanted
}
