package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const namespaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS

// launch starts process 1 in new namespaces, joins it to this machine by one veth pair, and returns when the
// node's components are being started. Process 1 waits for a byte on a pipe first: if launch dies half-way, it ends too.
func launch(configPath string) error {
	var c config
	if err := readJSON(configPath, &c); err != nil {
		return err
	}
	release, releaseEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	report, reportEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(c.StateDir, "log", "init.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	child := exec.Command("/proc/self/exe", "init", configPath)
	child.Dir, child.Stdout, child.Stderr = "/", log, log
	child.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp"}
	child.ExtraFiles = []*os.File{release, reportEnd}
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true}
	if err := child.Start(); err != nil {
		return fmt.Errorf("new namespaces were refused (%w): this needs root, and a kernel with network, mount and pid namespaces", err)
	}
	release.Close()
	reportEnd.Close()
	if err := connect(c, child.Process.Pid); err != nil {
		child.Process.Kill()
		return err
	}
	releaseEnd.Write([]byte("go"))
	report.SetReadDeadline(time.Now().Add(30 * time.Second))
	said, err := io.ReadAll(report)
	if string(said) != "ok" {
		child.Process.Kill()
		return fmt.Errorf("process 1 of the cluster did not come up: %s (%v); see %s", said, err, log.Name())
	}
	return nil
}

func connect(c config, pid int) error {
	return runAll([][]string{
		{"ip", "link", "add", c.HostLink, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(pid)},
		{"ip", "address", "add", fmt.Sprintf("%s/%d", c.HostAddress, c.PrefixBits), "dev", c.HostLink},
		{"ip", "link", "set", c.HostLink, "up"},
	})
}

func runAll(commands [][]string) error {
	for _, command := range commands {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
