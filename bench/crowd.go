package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// seedCrowd makes a data directory with one organization of many members, of
// whom the administrator is signed in.
func seedCrowd(ctx context.Context, dir string, members int) (_ *world, err error) {
	s, err := newSeeding(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()
	w := &world{dir: dir}
	return w, s.db.InTx(ctx, func(tx *database.Tx) (err error) {
		e := &script{ctx: ctx, tx: tx}
		if w.large, err = s.organization(e, 0, 1, 0); err != nil {
			return err
		}
		for range members - 1 {
			s.person(e, w.large.id, false)
		}
		e.do(`UPDATE organizations SET member_count = $1 WHERE id = $2`, members, w.large.id)
		return e.err
	})
}

// crowd measures the pages of the members of one large organization, and the
// search among them, by what one request takes.
func (b *bench) crowd() (err error) {
	w, err := seedCrowd(context.Background(), filepath.Join(b.dir, "crowd-seed"), b.crowded)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	server, err := b.serverOf(w, "crowd")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	var targets []target
	for _, page := range []struct{ what, query string }{
		{"first page", ""},
		{"middle page", fmt.Sprintf("?page=%d", b.crowded/20)},
		{"search finds all", "?search=ana"},
		{"search finds one", fmt.Sprintf("?search=person.%d@", b.crowded/2)},
		{"search finds nobody", "?search=nobody"},
	} {
		path := "/organizations/" + w.large.id.String() + "/members" + page.query
		targets = append(targets, target{
			fmt.Sprintf("of %d members, %s", b.crowded, page.what), "server", server, always(get(path, w.large.admin())),
		})
	}
	if err := b.compare(1, b.reading, targets); err != nil {
		return err
	}
	for _, t := range targets {
		b.report.check(t.what, "ms", b.report.row(t.what, t.who).P50, below, 50)
	}
	return nil
}
