package main

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"hash"
	"io"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"modernc.org/sqlite"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/user"
)

// bareCommand is how this program is started as the bare server.
const bareCommand = "bare"

// bare is what somebody would write for these requests alone: no layers, the
// driver's own statements, JSON by appending. It checks who calls and what they
// may do as the server does, in one query.
type bare struct {
	mu         sync.Mutex
	reader     *handle // one is enough for one core
	writer     *writer
	deployment int64
	ids        *id.Generator
	passwords  *user.Passwords
	password   string // the digest of everybody's
}

// runBare serves until it is ended.
func runBare(args []string) error {
	flags := flag.NewFlagSet(bareCommand, flag.ExitOnError)
	listen := flags.String("listen", "", "address")
	ops := flags.String("ops-listen", "", "address of health and metrics")
	dir := flags.String("data-dir", "", "a data directory of the server")
	group := flags.Bool("group-commit", true, "writes that arrive together share a commit")
	processors := flags.Int("processors", 1, "GOMAXPROCS")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime.GOMAXPROCS(*processors)
	debug.SetGCPercent(300) // as the server: hashes are slower in memory that is not in the caches
	b, err := newBare(*dir, *group)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /organizations/{id}/invitations", answer(b.list))
	mux.HandleFunc("GET /session", answer(b.session))
	mux.HandleFunc("POST /auth/signin", answer(b.checkPassword))
	mux.HandleFunc("POST /organizations/{id}/invitations", answer(b.create))
	mux.HandleFunc("POST /organizations/invitations/accept", answer(b.accept))
	private := http.NewServeMux()
	private.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	private.Handle("GET /metrics", promhttp.Handler())
	private.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	failed := make(chan error, 2)
	go func() { failed <- http.ListenAndServe(*ops, private) }()
	go func() { failed <- http.ListenAndServe(*listen, mux) }()
	return <-failed
}

func newBare(dir string, group bool) (*bare, error) {
	key, err := tokenKey(dir)
	if err != nil {
		return nil, err
	}
	b := &bare{ids: id.NewGenerator(id.Nodes-1, time.Now)}
	file := "file:" + databaseOf(dir) + "?_busy_timeout=5000"
	if b.reader, err = openHandle(file + "&_query_only=1&_pragma=cache_size(-4096)"); err != nil {
		return nil, err
	}
	b.reader.mac = hmac.New(sha256.New, key)
	w, err := openHandle(file + "&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1")
	if err != nil {
		return nil, err
	}
	b.writer = newWriter(w, group)
	if b.passwords, err = user.NewPasswords(); err != nil {
		return nil, err
	}
	return b, b.reading(func(h *handle) error {
		return errors.Join(
			h.each(`SELECT id FROM deployments ORDER BY id LIMIT 1`, func(row []driver.Value) { b.deployment = row[0].(int64) }),
			h.each(`SELECT password_hash FROM users ORDER BY id LIMIT 1`, func(row []driver.Value) { b.password = row[0].(string) }),
		)
	})
}

// tokenKey is the key of the invitations' listed secrets.
func tokenKey(dir string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	if err != nil {
		return nil, err
	}
	server, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, server, nil, "guildhall invitation token", sha256.Size)
}

// reading lends f the connection that reads.
func (b *bare) reading(f func(*handle) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return f(b.reader)
}

// handle is a connection with its statements, for one request at a time.
type handle struct {
	conn       driver.Conn
	statements map[string]driver.Stmt
	mac        hash.Hash
}

func openHandle(dsn string) (*handle, error) {
	conn, err := new(sqlite.Driver).Open(dsn)
	return &handle{conn: conn, statements: map[string]driver.Stmt{}}, err
}

func (h *handle) prepare(text string) (driver.Stmt, error) {
	if s := h.statements[text]; s != nil {
		return s, nil
	}
	s, err := h.conn.(driver.ConnPrepareContext).PrepareContext(context.Background(), text)
	if err == nil {
		h.statements[text] = s
	}
	return s, err
}

func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, v := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return values
}

// each calls f with every row of a query, whose slice is used again.
func (h *handle) each(text string, f func(row []driver.Value), args ...driver.Value) error {
	s, err := h.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), named(args))
	if err != nil {
		return err
	}
	row := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(row); err != nil {
			if err == io.EOF {
				err = nil
			}
			return errors.Join(err, rows.Close())
		}
		f(row)
	}
}

// exec changes at least one row, or returns an error.
func (h *handle) exec(text string, args ...driver.Value) error {
	s, err := h.prepare(text)
	if err != nil {
		return err
	}
	result, err := s.(driver.StmtExecContext).ExecContext(context.Background(), named(args))
	if err != nil {
		return err
	}
	if n, _ := result.RowsAffected(); n == 0 {
		return errors.New("no row changed: " + text)
	}
	return nil
}

// caller is who calls, and whether they manage the organization's members.
type caller struct {
	session, user, signIn  int64
	sessionFrom, sessionTo int64 // when it was made and changed
	admin                  bool
}

var errNobody = errors.New("nobody is signed in")

// caller runs the server's query for whoever holds a token.
func (b *bare) caller(h *handle, r *http.Request, organization int64) (c caller, err error) {
	cookie, err := r.Cookie("session_id")
	if err != nil {
		return c, errNobody
	}
	token := sha256.Sum256([]byte(cookie.Value))
	now := time.Now().UnixMilli()
	var of driver.Value
	if organization != 0 {
		of = organization
	}
	err = h.each(findCaller, func(row []driver.Value) {
		c.session, c.sessionFrom, c.sessionTo = row[0].(int64), row[1].(int64), row[2].(int64)
		c.signIn, _ = row[5].(int64)
		c.user, _ = row[7].(int64)
		c.admin = row[11].(string) == "organization:admin"
	}, now, now-idleLife, nil, of, token[:], b.deployment)
	if err == nil && c.user == 0 {
		err = errNobody
	}
	return c, err
}

// idleLife is that of the default settings, in milliseconds.
const idleLife = 7 * 24 * 3600 * 1000

// buffers are used again, as anybody would who writes answers of this size.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// answer writes what f appends.
func answer(f func(r *http.Request, to []byte) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		held := buffers.Get().(*[]byte)
		body, err := f(r, (*held)[:0])
		defer func() {
			*held = body
			buffers.Put(held)
		}()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Type", "application/json; charset=utf-8")
		header.Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
	}
}

// token is the listed secret of an invitation.
func (h *handle) token(b []byte, invitation, generation int64) []byte {
	var raw [28]byte
	binary.BigEndian.PutUint64(raw[:], uint64(invitation))
	binary.BigEndian.PutUint32(raw[8:], uint32(generation))
	h.mac.Reset()
	h.mac.Write(raw[:12])
	var sum [sha256.Size]byte
	copy(raw[12:], h.mac.Sum(sum[:0]))
	return base64.RawURLEncoding.AppendEncode(append(b, "inv_"...), raw[:])
}
