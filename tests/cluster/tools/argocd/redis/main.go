// A Redis for Argo CD, which keeps in it what it can compute again: manifests that were rendered, trees of resources.
//
//	redis ADDRESS
//
// It holds everything in memory, and ends with its process. Argo CD's own tests use the same library; Debian's server
// would be one more package to install for each machine that runs ours.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: redis ADDRESS")
		os.Exit(2)
	}
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "redis:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "redis: listening on", server.Addr())
	// Its clock stands still unless it is moved.
	for range time.Tick(time.Second) {
		server.FastForward(time.Second)
	}
}
