package main

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"
)

// volumesFolder is where kube-controller-manager's provisioner of host paths makes a folder for each volume.
const volumesFolder = "/tmp/hostpath_pv"

// openVolumes lets pods of any user write to their volumes, as storage of real clusters does: the provisioner makes
// folders for root only, and the kubelet gives host paths no group.
func openVolumes() error {
	if err := os.MkdirAll(volumesFolder, 0o755); err != nil {
		return err
	}
	watch, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
	if err != nil {
		return err
	}
	if _, err := syscall.InotifyAddWatch(watch, volumesFolder, syscall.IN_CREATE|syscall.IN_ONLYDIR); err != nil {
		return err
	}
	go func() {
		buffer := make([]byte, 64*(syscall.SizeofInotifyEvent+256))
		for {
			length, err := syscall.Read(watch, buffer)
			if err == syscall.EINTR {
				continue
			}
			if err != nil {
				return
			}
			for at := 0; at < length; {
				event := (*syscall.InotifyEvent)(unsafe.Pointer(&buffer[at]))
				name := buffer[at+syscall.SizeofInotifyEvent:][:event.Len]
				at += syscall.SizeofInotifyEvent + int(event.Len)
				os.Chmod(filepath.Join(volumesFolder, string(bytes.TrimRight(name, "\x00"))), 0o777)
			}
		}
	}()
	return nil
}
