package main

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// xfs, since it grows while it is mounted without a right over the machine's resources, which a container may lack (ext4 asks for it).
const fileSystem = "xfs"

// mountFile mounts a file through a loop device, which the kernel frees with the last mount of it, however that ends.
func mountFile(path, target string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	device, err := attach(file)
	if err != nil {
		return err
	}
	defer device.Close()
	if err := os.MkdirAll(target, 0o750); err != nil {
		return err
	}
	if err := unix.Mount(device.Name(), target, fileSystem, 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", path, err)
	}
	// Pods of any user may write, as on storage that gives volumes no owner.
	return os.Chmod(target, 0o777)
}

// attach takes a free loop device; another process may be faster.
func attach(file *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("a free loop device: %w", err)
		}
		device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", number), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{Fd: uint32(file.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		copy(config.Info.File_name[:], file.Name())
		if err = unix.IoctlLoopConfigure(int(device.Fd()), &config); err == nil {
			return device, nil
		}
		device.Close()
		if !errors.Is(err, unix.EBUSY) {
			return nil, fmt.Errorf("%s for %s: %w", device.Name(), file.Name(), err)
		}
	}
}

// What the kernel's xfs_fs.h has: _IOR('X', 100, struct xfs_fsop_geom_v1), _IOW('X', 110, struct xfs_growfs_data).
const (
	geometryOf = 0x80705864
	growData   = 0x4010586e
)

type geometry struct {
	blockSize uint32
	_         [6]uint32
	maxInodes uint32
	blocks    uint64
	_         [72]byte
}

type growth struct {
	blocks    uint64
	maxInodes uint32
	_         uint32
}

// grow makes the file system at path as large as the file is that it lies in. The same again changes nothing.
func grow(path string) error {
	mounted, err := os.Open(path)
	if err != nil {
		return err
	}
	defer mounted.Close()
	var info unix.Stat_t
	if err := unix.Fstat(int(mounted.Fd()), &info); err != nil {
		return err
	}
	device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", unix.Minor(info.Dev)), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer device.Close()
	if err := unix.IoctlSetInt(int(device.Fd()), unix.LOOP_SET_CAPACITY, 0); err != nil {
		return fmt.Errorf("the size of %s: %w", device.Name(), err)
	}
	var bytes uint64
	if err := ioctl(device, unix.BLKGETSIZE64, unsafe.Pointer(&bytes)); err != nil {
		return fmt.Errorf("the size of %s: %w", device.Name(), err)
	}
	var is geometry
	if err := ioctl(mounted, geometryOf, unsafe.Pointer(&is)); err != nil {
		return fmt.Errorf("the file system at %s: %w", path, err)
	}
	wanted := growth{blocks: bytes / uint64(is.blockSize), maxInodes: is.maxInodes}
	if wanted.blocks <= is.blocks {
		return nil
	}
	if err := ioctl(mounted, growData, unsafe.Pointer(&wanted)); err != nil {
		return fmt.Errorf("growing the file system at %s: %w", path, err)
	}
	return nil
}

func ioctl(file *os.File, request uint, argument unsafe.Pointer) error {
	if _, _, failed := unix.Syscall(unix.SYS_IOCTL, file.Fd(), uintptr(request), uintptr(argument)); failed != 0 {
		return failed
	}
	return nil
}
