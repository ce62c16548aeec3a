package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// switches is a folder in which a test says how an expansion goes, in a file named after the step, as long as it is there:
// `hold` (it waits), `refuse WORDS` (not now) or `impossible WORDS` (never of that size).
const switches = "switches"

const look = 50 * time.Millisecond

// obey returns how the test wants this step to go; nil when it is to go on.
func (d *driver) obey(ctx context.Context, step string) error {
	for {
		said, err := os.ReadFile(filepath.Join(d.folder, switches, step))
		if os.IsNotExist(err) {
			return nil
		}
		verb, words, _ := strings.Cut(strings.TrimSpace(string(said)), " ")
		switch verb {
		case "refuse":
			return status.Error(codes.ResourceExhausted, words)
		case "impossible":
			return status.Error(codes.OutOfRange, words)
		}
		select {
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case <-time.After(look):
		}
	}
}
