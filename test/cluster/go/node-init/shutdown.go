package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A pod's own grace period may be hours: a machine that is shut down does not wait for that.
const (
	podPatience  = 8 * time.Second
	killPatience = time.Second
)

// What would start pods again or reschedule them ends before the pods do; what they may need to end well, after them.
var steering = []string{"kubelet", "kube-scheduler", "kube-controller-manager"}

// shutDown ends the node as a machine that is shut down: each container is asked to end and has a while to do so,
// then the components end. Process 1 is to exit after it, with which the kernel ends all that is left.
func (s *supervisor) shutDown() {
	for _, c := range slices.Backward(s.components) {
		if slices.Contains(steering, c.config.Name) {
			s.want(c, false)
			s.end(c, syscall.SIGTERM)
		}
	}
	signalContainers(syscall.SIGTERM)
	if !waitForContainers(podPatience) {
		signalContainers(syscall.SIGKILL)
		waitForContainers(killPatience)
	}
	s.stopAll()
}

func signalContainers(signal syscall.Signal) {
	for _, pid := range containerProcesses() {
		_ = syscall.Kill(pid, signal)
	}
}

func waitForContainers(patience time.Duration) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if len(containerProcesses()) == 0 {
			return true
		}
	}
	return false
}

// containerProcesses are the first processes of containers: children of containerd's shims. The pause process that
// holds a pod's namespaces is not one of them, since without it the pod's containers could not end in their own way.
func containerProcesses() []int {
	var found []int
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		pid, _ := strconv.Atoi(filepath.Base(entry))
		_, state, parent := processStat(pid)
		if state == "Z" || parent <= 1 {
			continue
		}
		if name, _, _ := processStat(parent); !strings.HasPrefix(name, "containerd-shim") {
			continue
		}
		if command, _ := os.ReadFile(entry + "/cmdline"); !strings.HasPrefix(string(command), "/pause\x00") {
			found = append(found, pid)
		}
	}
	return found
}

// processStat reads /proc/PID/stat: "PID (NAME) STATE PARENT …", where the name may hold anything.
func processStat(pid int) (name, state string, parent int) {
	data, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, rest, _ := strings.Cut(string(data), "(")
	end := strings.LastIndex(rest, ")")
	if end < 0 {
		return "", "", 0
	}
	fields := strings.Fields(rest[end+1:])
	if len(fields) < 2 {
		return "", "", 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return rest[:end], fields[0], parent
}
