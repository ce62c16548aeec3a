package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// controller does of the usual provisioner and resizer what tests need, and writes into claims what these write there.
type controller struct {
	*driver
	api   *api
	class string
	// Claims and volumes that are worked at, by uid.
	busy sync.Map
}

const (
	every       = 200 * time.Millisecond
	again       = time.Second
	expandLimit = 10 * time.Minute
	volumesPath = "/api/v1/persistentvolumes"
	storage     = core.ResourceStorage
)

func (c *controller) run() {
	for ; ; time.Sleep(every) {
		if err := c.look(); err != nil {
			log.Print(err)
		}
	}
}

func (c *controller) look() error {
	var claims core.PersistentVolumeClaimList
	var volumes core.PersistentVolumeList
	if err := c.api.call(http.MethodGet, "/api/v1/persistentvolumeclaims", nil, &claims); err != nil {
		return err
	}
	if err := c.api.call(http.MethodGet, volumesPath, nil, &volumes); err != nil {
		return err
	}
	byName := map[string]core.PersistentVolume{}
	for _, volume := range volumes.Items {
		byName[volume.Name] = volume
		if volume.Spec.StorageClassName == c.class && volume.Status.Phase == core.VolumeReleased {
			c.once(volume.ObjectMeta, func() error { return c.reclaim(volume) })
		}
	}
	for _, claim := range claims.Items {
		if claim.Spec.StorageClassName == nil || *claim.Spec.StorageClassName != c.class || claim.DeletionTimestamp != nil {
			continue
		}
		volume, isThere := byName[volumeOf(claim)]
		if claim.Spec.VolumeName == "" && !isThere {
			c.once(claim.ObjectMeta, func() error { return c.provision(claim) })
		}
		if isThere && claim.Status.Phase == core.ClaimBound && isSmaller(claim.Status.Capacity, claim.Spec.Resources.Requests) {
			c.once(claim.ObjectMeta, func() error { return c.resize(claim, volume) })
		}
	}
	return nil
}

// once does nothing while the same is under way; what fails is looked at again after a while.
func (c *controller) once(object meta.ObjectMeta, work func() error) {
	if _, isBusy := c.busy.LoadOrStore(object.UID, true); isBusy {
		return
	}
	go func() {
		defer c.busy.Delete(object.UID)
		if err := work(); err != nil {
			log.Printf("%s: %v", object.Name, err)
			time.Sleep(again)
		}
	}()
}

func volumeOf(claim core.PersistentVolumeClaim) string { return "pvc-" + string(claim.UID) }

func isSmaller(a, b core.ResourceList) bool {
	has, asks := a[storage], b[storage]
	return has.Cmp(asks) < 0
}

func (c *controller) provision(claim core.PersistentVolumeClaim) error {
	name := volumeOf(claim)
	bytes, err := c.create(name, claim.Spec.Resources.Requests.Storage().Value())
	if err != nil {
		return err
	}
	mode := core.PersistentVolumeFilesystem
	volume := core.PersistentVolume{
		TypeMeta:   meta.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"},
		ObjectMeta: meta.ObjectMeta{Name: name, Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": driverName}},
		Spec: core.PersistentVolumeSpec{
			StorageClassName:              c.class,
			Capacity:                      core.ResourceList{storage: *resource.NewQuantity(bytes, resource.BinarySI)},
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    &mode,
			PersistentVolumeReclaimPolicy: core.PersistentVolumeReclaimDelete,
			ClaimRef:                      &core.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeSource:        core.PersistentVolumeSource{CSI: &core.CSIPersistentVolumeSource{Driver: driverName, VolumeHandle: name, FSType: fileSystem}},
		},
	}
	return c.api.call(http.MethodPost, volumesPath, volume, nil)
}

func (c *controller) reclaim(volume core.PersistentVolume) error {
	if err := c.remove(volume.Name); err != nil {
		return err
	}
	return c.api.call(http.MethodDelete, volumesPath+"/"+volume.Name, nil, nil)
}

// resize makes the volume larger, and leaves the file system in it to the kubelet, which then also says that all is done.
func (c *controller) resize(claim core.PersistentVolumeClaim, volume core.PersistentVolume) error {
	if !isSmaller(volume.Spec.Capacity, claim.Spec.Resources.Requests) {
		return nil
	}
	wanted := *claim.Spec.Resources.Requests.Storage()
	conditions := []core.PersistentVolumeClaimCondition{condition(core.PersistentVolumeClaimResizing, "")}
	// Tried before: what was said of it then stays until it is over.
	if tried, isTried := claim.Status.AllocatedResources[storage]; isTried && tried.Cmp(wanted) == 0 {
		conditions = claim.Status.Conditions
	} else if err := c.tell(&claim, wanted, core.PersistentVolumeClaimControllerResizeInProgress, conditions); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), expandLimit)
	defer cancel()
	if err := c.expand(ctx, volume.Name, wanted.Value()); err != nil {
		said := fmt.Sprintf("failed to expand pvc with %v", err)
		if !says(conditions, said) {
			refused := condition(core.PersistentVolumeClaimControllerResizeError, said)
			if err := c.tell(&claim, wanted, stateAfter(err), with(conditions, refused)); err != nil {
				return err
			}
		}
		return err
	}
	larger := map[string]any{"spec": map[string]any{"capacity": core.ResourceList{storage: wanted}}}
	if err := c.api.call(http.MethodPatch, volumesPath+"/"+volume.Name, larger, nil); err != nil {
		return err
	}
	pending := condition(core.PersistentVolumeClaimFileSystemResizePending, "Waiting for user to (re-)start a pod to finish file system resize of volume on node.")
	return c.tell(&claim, wanted, core.PersistentVolumeClaimNodeResizePending, with(conditions, pending))
}

// What can never be had is told apart from what cannot be had now.
func stateAfter(err error) core.ClaimResourceStatus {
	if status.Code(err) == codes.OutOfRange {
		return core.PersistentVolumeClaimControllerResizeInfeasible
	}
	return core.PersistentVolumeClaimControllerResizeInProgress
}

func condition(kind core.PersistentVolumeClaimConditionType, message string) core.PersistentVolumeClaimCondition {
	return core.PersistentVolumeClaimCondition{Type: kind, Status: core.ConditionTrue, LastTransitionTime: meta.Now(), Message: message}
}

func says(conditions []core.PersistentVolumeClaimCondition, message string) bool {
	return slices.ContainsFunc(conditions, func(one core.PersistentVolumeClaimCondition) bool { return one.Message == message })
}

// with takes the place of one of the same type.
func with(conditions []core.PersistentVolumeClaimCondition, added core.PersistentVolumeClaimCondition) []core.PersistentVolumeClaimCondition {
	kept := []core.PersistentVolumeClaimCondition{}
	for _, one := range conditions {
		if one.Type != added.Type {
			kept = append(kept, one)
		}
	}
	return append(kept, added)
}

// tell writes the state into the claim, unless somebody has changed it since it was read.
func (c *controller) tell(claim *core.PersistentVolumeClaim, wanted resource.Quantity, state core.ClaimResourceStatus, conditions []core.PersistentVolumeClaimCondition) error {
	patch := map[string]any{
		"metadata": map[string]any{"resourceVersion": claim.ResourceVersion},
		"status": map[string]any{
			"conditions":                conditions,
			"allocatedResources":        core.ResourceList{storage: wanted},
			"allocatedResourceStatuses": map[string]any{"storage": state},
		},
	}
	path := fmt.Sprintf("/api/v1/namespaces/%s/persistentvolumeclaims/%s/status", claim.Namespace, claim.Name)
	return c.api.call(http.MethodPatch, path, patch, claim)
}
