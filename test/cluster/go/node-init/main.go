// Command node-init makes the Linux namespaces a cluster lives in and is process 1 inside them.
// When that process dies the kernel ends everything in there: processes, mounts, links, firewall rules.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// config is what the TypeScript side writes; one file describes one cluster's node.
type config struct {
	Hostname    string            `json:"hostname"`
	StateDir    string            `json:"stateDir"`
	Cgroup      string            `json:"cgroup"`
	HostLink    string            `json:"hostLink"`
	HostAddress string            `json:"hostAddress"`
	NodeAddress string            `json:"nodeAddress"`
	PrefixBits  int               `json:"prefixBits"`
	PodCIDR     string            `json:"podCidr"`
	Sysctls     map[string]string `json:"sysctls"`
	ShownAs     map[string]string `json:"shownAs"`
	Components  []componentConfig `json:"components"`
}

type componentConfig struct {
	Name    string            `json:"name"`
	Command []string          `json:"command"`
	Env     map[string]string `json:"env"`
	After   []string          `json:"after"`
}

func main() {
	commands := map[string]func(string) error{"launch": launch, "init": runInit, "certs": writeCertificates}
	if len(os.Args) == 2 && os.Args[1] == "pause" {
		pause()
	}
	if len(os.Args) != 3 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: node-init launch|init|certs CONFIG.json, or node-init pause")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "node-init %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
