package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

func openPostgres(ctx context.Context, url string) (*postgres, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error would quote the address, which may hold a password.
		return nil, errors.New("the database address is not a valid postgres:// address")
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = postgresConns
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return &postgres{pool}, nil
}

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
