package databasetest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// cluster is a throw-away PostgreSQL on a socket in its own directory. Test
// processes share it: each leaves its process id in users/, and a watcher stops
// the server and removes the directory ten seconds after the last one ended.
type cluster struct {
	dir      string
	template string // the migrated database
}

// clusterParent is memory where there is plenty: making a database is making
// some 300 files, which takes a disk ten times as long.
func clusterParent() string {
	const memory, plenty = "/dev/shm", 2 << 30
	var stat syscall.Statfs_t
	if err := syscall.Statfs(memory, &stat); err != nil || stat.Bavail*uint64(stat.Bsize) < plenty {
		return os.TempDir()
	}
	return memory
}

// watcher is told the directory. It takes the lock before it removes anything,
// and looks once more.
const watcher = `
used() {
	for f in "$1"/users/*; do
		kill -0 "${f##*/}" 2>/dev/null && return 0
	done
	return 1
}
idle=0
while sleep 1 && [ -d "$1" ]; do
	idle=$((idle + 1))
	used "$1" && idle=0
	[ $idle -ge 10 ] && mkdir "$1.lock" 2>/dev/null || continue
	if ! used "$1"; then
		kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"
		rm -rf "$1"
		rmdir "$1.lock"
		exit
	fi
	rmdir "$1.lock"
done
`

// lock waits until no other process starts, joins or removes the cluster. A
// lock is a directory; one of a process that died on the way is broken.
func (c *cluster) lock() (unlock func(), err error) {
	path := c.dir + ".lock"
	for {
		err := os.Mkdir(path, 0o700)
		if err == nil {
			return func() { os.Remove(path) }, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > time.Minute {
			os.Remove(path)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// join registers this process with the running cluster, or starts one.
func (c *cluster) join() error {
	if c.exec("SELECT 1") == nil {
		return c.register()
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return err
	}
	if err := c.start(); err != nil {
		return err
	}
	watch := exec.Command("sh", "-c", watcher, "watch", c.dir)
	watch.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := watch.Start(); err != nil {
		return err
	}
	return c.register()
}

func (c *cluster) register() error {
	return os.WriteFile(filepath.Join(c.dir, "users", strconv.Itoa(os.Getpid())), nil, 0o600)
}

func (c *cluster) start() error {
	bin, err := postgresPrograms()
	if err != nil {
		return err
	}
	account, err := unprivileged()
	if err != nil {
		return err
	}
	for _, dir := range []string{c.dir, filepath.Join(c.dir, "users")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	if account != nil {
		if err := os.Chown(c.dir, int(account.Uid), int(account.Gid)); err != nil {
			return err
		}
	}
	data := filepath.Join(c.dir, "data")
	initialize := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+data, "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", c.dir, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "max_wal_size=128MB",
		"-c", "max_connections=300", "-c", "shared_buffers=64MB", "-c", "autovacuum=off")
	for _, command := range []*exec.Cmd{initialize, server} {
		command.Dir = c.dir
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: account}
	}
	if out, err := initialize.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := server.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err := c.exec("SELECT 1"); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// postgresPrograms is the folder of the newest PostgreSQL server.
func postgresPrograms() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql@*/bin/initdb"} {
		some, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		found = append(found, some...)
	}
	if len(found) == 0 {
		return "", errors.New("it is not installed: there is no initdb")
	}
	// By length first: 9.6 is older than 15.
	newest := slices.MaxFunc(found, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return filepath.Dir(newest), nil
}

// unprivileged is the account for the server, which refuses to run as root;
// nil is our own.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
