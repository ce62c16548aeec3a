// Command volumes is a storage driver for tests (CSI): each volume is a sparse file with a file system of that size in it,
// mounted through a loop device. A full volume is really full, and one that is expanded really becomes larger under its pod.
// Nothing of it outlives the node: a loop device is freed by the kernel with its last mount, and mounts with process 1.
package main

import (
	"context"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const (
	driverName    = "volumes.steward.test"
	driverVersion = "1"
	kubelet       = "/var/lib/kubelet"
)

// driver keeps nothing in memory: what there is, is in its folder and in the kernel's mounts.
type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedNodeServer
	registration.UnimplementedRegistrationServer
	folder, node, socket string
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: volumes FOLDER NODE CLASS")
	}
	socket := filepath.Join(kubelet, "plugins", driverName, "csi.sock")
	d := &driver{folder: os.Args[1], node: os.Args[2], socket: socket}
	if err := os.MkdirAll(filepath.Join(d.folder, switches), 0o755); err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	csi.RegisterIdentityServer(server, d)
	csi.RegisterNodeServer(server, d)
	go serve(server, socket)
	api, err := newAPI()
	if err != nil {
		log.Fatal(err)
	}
	go (&controller{driver: d, api: api, class: os.Args[3]}).run()
	// The kubelet looks into this folder, and asks what it finds there who it is.
	registrar := grpc.NewServer()
	registration.RegisterRegistrationServer(registrar, d)
	serve(registrar, filepath.Join(kubelet, "plugins_registry", driverName+"-reg.sock"))
}

// serve takes the place of a driver that was killed.
func serve(server *grpc.Server, socket string) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		log.Fatal(err)
	}
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}

func (d *driver) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{Type: registration.CSIPlugin, Name: driverName, Endpoint: d.socket, SupportedVersions: []string{"1.0.0"}}, nil
}

func (d *driver) NotifyRegistrationStatus(_ context.Context, status *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !status.PluginRegistered {
		log.Fatalf("the kubelet does not take it: %s", status.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}

func (d *driver) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}

func (d *driver) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: driverName, VendorVersion: driverVersion}, nil
}

func (d *driver) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	online := &csi.PluginCapability_VolumeExpansion_{VolumeExpansion: &csi.PluginCapability_VolumeExpansion{Type: csi.PluginCapability_VolumeExpansion_ONLINE}}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{{Type: online}}}, nil
}
