// Command probe is a service whose health a test decides: it can turn unready, end, hang, eat memory, keep a processor
// busy, keep a file and call another address. `probe env` and `probe cat FILE` serve tests of exec; no shell is in its image.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		os.Exit(runCommand(os.Args[1:]))
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	address := ":" + valueOr(os.Getenv("PORT"), "8080")
	server := &http.Server{Addr: address, Handler: routes(), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		fmt.Println("probe listens on", address, "version", os.Getenv("VERSION"))
		if err := server.ListenAndServe(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	<-end
	fmt.Println("probe was told to stop")
	for os.Getenv("STUBBORN") != "" {
		<-end
	}
}

func runCommand(args []string) int {
	switch {
	case args[0] == "env":
		for _, variable := range os.Environ() {
			fmt.Println(variable)
		}
		return 0
	case args[0] == "exit" && len(args) == 2:
		code, _ := strconv.Atoi(args[1])
		return code
	case args[0] == "cat" && len(args) == 2:
		data, err := os.ReadFile(args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		os.Stdout.Write(data)
		return 0
	}
	fmt.Fprintln(os.Stderr, "usage: probe [env | cat FILE | exit CODE]")
	return 2
}

func routes() *http.ServeMux {
	var unready, unhealthy atomic.Bool
	var eaten struct {
		sync.Mutex
		blocks [][]byte
	}
	mux := http.NewServeMux()
	flag := func(path string, negative *atomic.Bool) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			if negative.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			fmt.Fprintln(w, !negative.Load())
		})
		mux.HandleFunc("POST "+path, func(_ http.ResponseWriter, r *http.Request) {
			negative.Store(r.FormValue("value") == "false")
		})
	}
	flag("/ready", &unready)
	flag("/healthz", &unhealthy)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, os.Getenv("VERSION")) })
	mux.HandleFunc("POST /exit", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.FormValue("code"))
		time.AfterFunc(50*time.Millisecond, func() { os.Exit(code) })
	})
	mux.HandleFunc("POST /log", func(_ http.ResponseWriter, r *http.Request) { io.Copy(os.Stdout, r.Body) })
	mux.HandleFunc("POST /eat", func(w http.ResponseWriter, r *http.Request) {
		mib, _ := strconv.Atoi(r.FormValue("mib"))
		eaten.Lock()
		defer eaten.Unlock()
		for range mib {
			block := make([]byte, 1<<20)
			for at := 0; at < len(block); at += 4096 {
				block[at] = 1
			}
			eaten.blocks = append(eaten.blocks, block)
		}
		fmt.Fprintln(w, len(eaten.blocks), "MiB")
	})
	mux.HandleFunc("POST /burn", func(_ http.ResponseWriter, r *http.Request) {
		ms, _ := strconv.Atoi(r.FormValue("ms"))
		for end := time.Now().Add(time.Duration(ms) * time.Millisecond); time.Now().Before(end) && r.Context().Err() == nil; {
		}
	})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, r.FormValue("path")) })
	mux.HandleFunc("PUT /file", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.WriteFile(r.FormValue("path"), data, 0o644)
		}
		answer(w, nil, err)
	})
	mux.HandleFunc("GET /fetch", func(w http.ResponseWriter, r *http.Request) {
		client := http.Client{Timeout: 5 * time.Second}
		response, err := client.Get(r.FormValue("url"))
		if err != nil {
			answer(w, nil, err)
			return
		}
		defer response.Body.Close()
		data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		answer(w, data, err)
	})
	return mux
}

func answer(w http.ResponseWriter, data []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Write(data)
}

func valueOr(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
