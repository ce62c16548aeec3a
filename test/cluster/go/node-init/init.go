package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
)

// runInit is process 1: it prepares mounts, network and control groups, starts the components, and stays.
func runInit(configPath string) error {
	release, report := os.NewFile(3, "release"), os.NewFile(4, "report")
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	if said, _ := io.ReadAll(io.LimitReader(release, 2)); string(said) != "go" {
		return fmt.Errorf("the launcher ended before the cluster was connected")
	}
	var c config
	s, err := prepare(configPath, &c)
	if err != nil {
		io.WriteString(report, err.Error())
		return err
	}
	io.WriteString(report, "ok")
	report.Close()

	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT)
	s.startAll()
	for received := range signals {
		if received == syscall.SIGCHLD {
			s.reap()
			continue
		}
		go func() {
			s.shutDown()
			os.Exit(0)
		}()
	}
	return nil
}

func prepare(configPath string, c *config) (*supervisor, error) {
	if err := readJSON(configPath, c); err != nil {
		return nil, err
	}
	if err := makeMounts(*c); err != nil {
		return nil, err
	}
	if err := openVolumes(); err != nil {
		return nil, err
	}
	if err := makeNetwork(*c); err != nil {
		return nil, err
	}
	if err := makeCgroups(c.Cgroup); err != nil {
		return nil, err
	}
	if err := syscall.Sethostname([]byte(c.Hostname)); err != nil {
		return nil, err
	}
	s := newSupervisor(filepath.Join(c.StateDir, "log"), c.Components)
	return s, s.listen(filepath.Join(c.StateDir, "init.sock"))
}

// makeNetwork has no default route on purpose: nothing in the cluster can reach beyond this machine. Pods reach
// the machine's end of the veth pair under the node's address, so the machine needs no route back to them.
func makeNetwork(c config) error {
	for name, value := range c.Sysctls {
		if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o644); err != nil {
			return err
		}
	}
	return runAll([][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "address", "add", c.NodeAddress + "/" + strconv.Itoa(c.PrefixBits), "dev", "eth0"},
		{"ip", "link", "set", "eth0", "up"},
		{"iptables", "-w", "-t", "nat", "-A", "POSTROUTING", "-s", c.PodCIDR, "-o", "eth0", "-j", "MASQUERADE"},
	})
}
