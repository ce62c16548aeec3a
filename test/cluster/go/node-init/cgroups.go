package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

const cgroupRoot = "/sys/fs/cgroup"

// makeCgroups makes the cluster's own group in each hierarchy (version 1) or in the only one (version 2), where
// the kubelet then puts its pods. It is all that is outside the namespaces.
func makeCgroups(name string) error {
	if controllers, err := os.ReadFile(cgroupRoot + "/cgroup.controllers"); err == nil {
		return makeUnified(name, controllers)
	}
	hierarchies, err := os.ReadDir(cgroupRoot)
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		parent := filepath.Join(cgroupRoot, hierarchy.Name())
		if info, err := os.Lstat(parent); err != nil || !info.IsDir() || hierarchy.Name() == "unified" {
			continue
		}
		group := filepath.Join(parent, name)
		if err := os.MkdirAll(group, 0o755); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
		// A new cpuset group is empty and accepts no process until it is given CPUs and memory nodes.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(parent, file))
			if err != nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(group, file), value, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

func makeUnified(name string, controllers []byte) error {
	for _, controller := range bytes.Fields(controllers) {
		// A controller the machine keeps for itself is refused: the kubelet names what it misses.
		_ = os.WriteFile(cgroupRoot+"/cgroup.subtree_control", append([]byte("+"), controller...), 0o644)
	}
	return os.MkdirAll(filepath.Join(cgroupRoot, name), 0o755)
}
