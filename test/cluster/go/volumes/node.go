package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (d *driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.node}, nil
}

func (d *driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	capability := func(kind csi.NodeServiceCapability_RPC_Type) *csi.NodeServiceCapability {
		return &csi.NodeServiceCapability{Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: kind}}}
	}
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{
		capability(csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME),
		capability(csi.NodeServiceCapability_RPC_EXPAND_VOLUME),
		capability(csi.NodeServiceCapability_RPC_GET_VOLUME_STATS),
	}}, nil
}

func (d *driver) NodeStageVolume(_ context.Context, request *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	file, err := d.fileOf(request.VolumeId)
	if err != nil {
		return nil, err
	}
	answer := &csi.NodeStageVolumeResponse{}
	if isMounted(request.StagingTargetPath) {
		return answer, nil
	}
	return answer, mountFile(file, request.StagingTargetPath)
}

func (d *driver) NodeUnstageVolume(_ context.Context, request *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	return &csi.NodeUnstageVolumeResponse{}, unmount(request.StagingTargetPath)
}

func (d *driver) NodePublishVolume(_ context.Context, request *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	answer := &csi.NodePublishVolumeResponse{}
	if isMounted(request.TargetPath) {
		return answer, nil
	}
	if err := os.MkdirAll(request.TargetPath, 0o750); err != nil {
		return nil, err
	}
	return answer, unix.Mount(request.StagingTargetPath, request.TargetPath, "", unix.MS_BIND, "")
}

func (d *driver) NodeUnpublishVolume(_ context.Context, request *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if err := unmount(request.TargetPath); err != nil {
		return nil, err
	}
	return &csi.NodeUnpublishVolumeResponse{}, os.RemoveAll(request.TargetPath)
}

func (d *driver) NodeExpandVolume(ctx context.Context, request *csi.NodeExpandVolumeRequest) (*csi.NodeExpandVolumeResponse, error) {
	if err := d.obey(ctx, "node-expand"); err != nil {
		return nil, err
	}
	if !isMounted(request.VolumePath) {
		return nil, status.Errorf(codes.NotFound, "nothing is mounted at %s", request.VolumePath)
	}
	return &csi.NodeExpandVolumeResponse{}, grow(request.VolumePath)
}

func (d *driver) NodeGetVolumeStats(_ context.Context, request *csi.NodeGetVolumeStatsRequest) (*csi.NodeGetVolumeStatsResponse, error) {
	var stats unix.Statfs_t
	if err := unix.Statfs(request.VolumePath, &stats); err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	bytes := func(blocks uint64) int64 { return int64(blocks) * stats.Bsize }
	space := &csi.VolumeUsage{
		Unit: csi.VolumeUsage_BYTES, Total: bytes(stats.Blocks), Available: bytes(stats.Bavail), Used: bytes(stats.Blocks - stats.Bfree),
	}
	return &csi.NodeGetVolumeStatsResponse{Usage: []*csi.VolumeUsage{space}}, nil
}

// isMounted by the list of mounts; a bind mount of the same file system is only found there.
func isMounted(path string) bool {
	list, _ := os.ReadFile("/proc/self/mountinfo")
	return slices.ContainsFunc(strings.Split(string(list), "\n"), func(line string) bool {
		fields := strings.Fields(line)
		return len(fields) > 4 && fields[4] == path
	})
}

func unmount(path string) error {
	for isMounted(path) {
		if err := unix.Unmount(path, 0); err != nil {
			return err
		}
	}
	return nil
}
