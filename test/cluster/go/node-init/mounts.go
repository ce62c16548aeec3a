package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// makeMounts gives the node its own view of the file system: what it writes lands below the state folder or in
// memory, everything else of this machine is read-only to it.
func makeMounts(c config) error {
	state, err := os.Open(c.StateDir)
	if err != nil {
		return err
	}
	defer state.Close()
	cgroups, err := os.Open("/sys/fs/cgroup")
	if err != nil {
		return err
	}
	defer cgroups.Close()
	fd := func(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }
	below := func(name string) string { return fd(state) + "/" + name }

	steps := []func() error{
		func() error { return mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE) },
		func() error {
			return mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NOEXEC|syscall.MS_NODEV)
		},
		// A new sysfs shows this network namespace's links; the control groups stay the machine's.
		func() error {
			return mount("sysfs", "/sys", "sysfs", syscall.MS_NOSUID|syscall.MS_NOEXEC|syscall.MS_NODEV)
		},
		func() error { return mount(fd(cgroups), "/sys/fs/cgroup", "", syscall.MS_BIND|syscall.MS_REC) },
		func() error { return mount("tmpfs", "/run", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV) },
		func() error { return mount(below("tmp"), "/tmp", "", syscall.MS_BIND) },
		func() error { return mount(below("var-log"), "/var/log", "", syscall.MS_BIND) },
		func() error { return os.MkdirAll(below("var-lib"+strings.TrimPrefix(c.StateDir, "/var/lib")), 0o755) },
		func() error { return mount(below("var-lib"), "/var/lib", "", syscall.MS_BIND) },
		func() error { return mount(fd(state), c.StateDir, "", syscall.MS_BIND|syscall.MS_REC) },
		func() error { return showAs(c) },
		func() error { return replaceResolvConf(c) },
		func() error { return mount("none", "/", "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY) },
		func() error { return mount("none", "/", "", syscall.MS_REC|syscall.MS_SHARED) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func mount(source, target, kind string, flags uintptr) error {
	if err := syscall.Mount(source, target, kind, flags, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}

// showAs covers settings that belong to the whole machine by files that already hold what the kubelet wants to
// write, so that it finds them right and leaves the machine's own untouched.
func showAs(c config) error {
	for path, value := range c.ShownAs {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		cover := filepath.Join(c.StateDir, "shown", strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "-"))
		if err := os.MkdirAll(filepath.Dir(cover), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(cover, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := mount(cover, path, "", syscall.MS_BIND); err != nil {
			return err
		}
	}
	return nil
}

// replaceResolvConf points the node's resolver at its own loopback, where nothing answers: a name outside the
// cluster fails at once instead of hanging, so an image of an unknown registry is ErrImagePull within a second.
func replaceResolvConf(c config) error {
	const path = "/etc/resolv.conf"
	target, err := os.Readlink(path)
	if err == nil && !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	own := filepath.Join(c.StateDir, "resolv.conf")
	content := []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	if strings.HasPrefix(target, "/run/") {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	}
	if err := os.WriteFile(own, content, 0o644); err != nil {
		return err
	}
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return nil
	}
	return mount(own, path, "", syscall.MS_BIND)
}
