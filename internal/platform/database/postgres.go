package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresConns bounds a node's connections unless the address does.
const postgresConns = 16

// retries is how often a transaction is tried again after losing against a
// concurrent one.
const retries = 3

type postgres struct{ *pgxpool.Pool }

func parsePostgres(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error would quote the address, which may hold a password.
		return nil, errors.New("is not a valid address of PostgreSQL, as postgres://USER:PASSWORD@HOST/NAME")
	}
	return config, nil
}

func openPostgres(ctx context.Context, url string) (*postgres, error) {
	config, err := parsePostgres(url)
	if err != nil {
		return nil, fmt.Errorf("the database address %w", err)
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = postgresConns
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", oneLine{err})
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to PostgreSQL: %w", oneLine{err})
	}
	return &postgres{pool}, nil
}

// oneLine is an error that has a line for each address it tried, said in one.
type oneLine struct{ error }

func (e oneLine) Error() string {
	var said []string
	for line := range strings.Lines(e.error.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}

func (e oneLine) Unwrap() error { return e.error }

func (*postgres) Dialect() Dialect { return PostgreSQL }

func (p *postgres) Raw() any { return p.Pool }

func (p *postgres) close() error {
	p.Pool.Close()
	return nil
}

func (p *postgres) reading(ctx context.Context, body func(DBTX) error) error {
	return p.Pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return body(c) })
}

func (p *postgres) transact(ctx context.Context, body func(*Tx) error) error {
	for attempt := 0; ; attempt++ {
		err := pgx.BeginFunc(ctx, p.Pool, func(raw pgx.Tx) error {
			tx := &Tx{DBTX: raw, raw: raw}
			if err := body(tx); err != nil {
				return err
			}
			return tx.gathered.flush(context.WithoutCancel(ctx), tx)
		})
		if attempt == retries || !lostRace(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(rand.N(10 * time.Millisecond << attempt)):
		}
	}
}

// lostRace recognizes what may well succeed the next time: a serialization
// failure or a deadlock (PostgreSQL manual, appendix A).
func lostRace(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}
