package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The maker of file systems refuses less.
const smallest = 320 << 20

var volumeName = regexp.MustCompile(`^[a-z0-9-]+$`)

func (d *driver) fileOf(volume string) (string, error) {
	if !volumeName.MatchString(volume) {
		return "", status.Errorf(codes.InvalidArgument, "%q is no name of a volume", volume)
	}
	return filepath.Join(d.folder, volume+".img"), nil
}

// create makes the file under another name first: one that is there is whole. It returns the size.
func (d *driver) create(volume string, bytes int64) (int64, error) {
	file, err := d.fileOf(volume)
	if err != nil {
		return 0, err
	}
	if _, err := os.Stat(file); os.IsNotExist(err) {
		unfinished := file + ".new"
		os.Remove(unfinished)
		if err := enlarge(unfinished, max(bytes, smallest)); err != nil {
			return 0, err
		}
		if said, err := exec.Command("mkfs.xfs", "-q", unfinished).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("mkfs.xfs: %w: %s", err, said)
		}
		if err := os.Rename(unfinished, file); err != nil {
			return 0, err
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// remove refuses while it is mounted: the kubelet unmounts only as long as there is a driver.
func (d *driver) remove(volume string) error {
	file, err := d.fileOf(volume)
	if err != nil {
		return err
	}
	backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, one := range backing {
		if path, _ := os.ReadFile(one); strings.HasSuffix(strings.TrimSpace(string(path)), "/"+filepath.Base(file)) {
			return status.Errorf(codes.FailedPrecondition, "%s is still mounted", volume)
		}
	}
	if err := os.Remove(file); !os.IsNotExist(err) {
		return err
	}
	return nil
}

// expand makes the file larger; the node then tells the file system in it.
func (d *driver) expand(ctx context.Context, volume string, bytes int64) error {
	file, err := d.fileOf(volume)
	if err != nil {
		return err
	}
	if err := d.obey(ctx, "controller-expand"); err != nil {
		return err
	}
	return enlarge(file, bytes)
}

// enlarge makes a sparse file, or one larger; never smaller.
func enlarge(path string, bytes int64) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() >= bytes {
		return err
	}
	return file.Truncate(bytes)
}
