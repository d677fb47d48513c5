package databasetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/guildhall-id/guildhall/migrations"
)

// databases numbers the databases of this process.
var databases atomic.Int64

// postgresURL is the address of a new database, a copy of template; "" is the
// migrated one.
func postgresURL(t testing.TB, template string) string {
	t.Helper()
	c, err := sharedCluster()
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v (GUILDHALL_TEST_DATABASES=sqlite does without)", err)
	}
	if template == "" {
		template = c.template
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	if err := c.exec("CREATE DATABASE " + name + " TEMPLATE " + template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Nobody waits for this; what is left goes with the cluster.
		go func() { _ = c.exec("DROP DATABASE " + name + " WITH (FORCE)") }()
	})
	return c.url(name)
}

// sharedCluster joins the cluster that the test processes of this machine
// share, starting it when there is none.
var sharedCluster = sync.OnceValues(func() (*cluster, error) {
	c := &cluster{dir: filepath.Join(clusterParent(), fmt.Sprintf("guildhall-postgres-%d", os.Getuid()))}
	unlock, err := c.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := c.join(); err != nil {
		return nil, err
	}
	return c, c.prepareTemplate()
})

func (c *cluster) url(database string) string {
	return "postgres:///" + database + "?" + url.Values{"host": {c.dir}, "user": {"postgres"}}.Encode()
}

// exec runs one statement outside of the databases under test.
func (c *cluster) exec(statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// prepareTemplate migrates a database to copy from, unless another process has
// done so with the same migrations.
func (c *cluster) prepareTemplate() error {
	sum := sha256.New()
	err := fs.WalkDir(migrations.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.Files, path)
		fmt.Fprintf(sum, "%s\n%s\n", path, text)
		return err
	})
	if err != nil {
		return err
	}
	c.template = fmt.Sprintf("template_%x", sum.Sum(nil)[:8])
	done := filepath.Join(c.dir, c.template)
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	err = errors.Join(
		c.exec("DROP DATABASE IF EXISTS "+c.template+" WITH (FORCE)"),
		c.exec("CREATE DATABASE "+c.template+" TEMPLATE template0"),
	)
	if err != nil {
		return err
	}
	if err := migrate(c.url(c.template)); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o600)
}
