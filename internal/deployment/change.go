package deployment

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Difference is a setting that was changed, with its values as JSON.
type Difference struct {
	Path   string
	Before json.RawMessage
	After  json.RawMessage
}

// Change applies change to the newest settings and stores them. It returns a
// SettingsError when they would not be in order then, and ErrSettingsChanged
// when another process stored a change in between.
func (s *Service) Change(ctx context.Context, change func(*Settings)) error {
	_, err := s.edit(ctx, true, func(settings *Settings) error {
		change(settings)
		return nil
	})
	return err
}

// Set is Change with settings by their paths, and returns what differs. All
// are set before the rules are asked, so that settings that need each other
// can be set together.
func (s *Service) Set(ctx context.Context, list []Assignment) ([]Difference, error) {
	return s.edit(ctx, true, assignAll(list))
}

// Preview is Set without storing anything.
func (s *Service) Preview(ctx context.Context, list []Assignment) ([]Difference, error) {
	return s.edit(ctx, false, assignAll(list))
}

func assignAll(list []Assignment) func(*Settings) error {
	return func(settings *Settings) error {
		var wrong SettingsError
		for _, a := range list {
			if err := settings.assign(a); err != nil {
				wrong = append(wrong, err.Error())
			}
		}
		if len(wrong) > 0 {
			return wrong
		}
		return nil
	}
}

// edit makes a change in one transaction, with the event that tells of it.
func (s *Service) edit(ctx context.Context, store bool, change func(*Settings) error) (changed []Difference, err error) {
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		row, err := New(tx).FirstDeployment(ctx)
		if err != nil {
			return fmt.Errorf("read the deployment: %w", err)
		}
		before, err := s.settings(row)
		if err != nil {
			return err
		}
		after, err := s.settings(row)
		if err != nil {
			return err
		}
		if err := change(&after); err != nil {
			return err
		}
		roles, err := rolesOfAll(ctx, tx, row.ID)
		if err != nil {
			return err
		}
		if err := after.check(roles); err != nil {
			return err
		}
		if changed, err = differences(before, after); err != nil || len(changed) == 0 || !store {
			return err
		}
		return s.store(ctx, tx, row, changed)
	})
	return changed, err
}

// store writes the settings that were changed into the row; those that were
// never touched keep following the defaults, and those that only a newer
// server knows stay as they are.
func (s *Service) store(ctx context.Context, tx *database.Tx, row Row, changed []Difference) error {
	document := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(row.Settings))
	decoder.UseNumber()
	if err := decoder.Decode(&document); err != nil {
		return fmt.Errorf("read the deployment's settings: %w", err)
	}
	before, after := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for _, d := range changed {
		put(document, strings.Split(d.Path, "."), d.After)
		before[d.Path], after[d.Path] = d.Before, d.After
	}
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	tx.AfterCommit(s.forget)
	version, err := New(tx).UpdateSettings(ctx, UpdateSettingsParams{ID: row.ID, Version: row.Version, Settings: string(text), Now: tx.Now})
	if _, err = database.OrNotFound(version, err, ErrSettingsChanged); err != nil {
		return err
	}
	return event.Emit(ctx, tx, event.Event{
		Name: "deployment.settings_changed", Deployment: row.ID, Subject: int64(row.ID),
		Data: map[string]any{"before": before, "after": after},
	})
}

// put sets the value at a path of a JSON document.
func put(document map[string]any, path []string, value json.RawMessage) {
	if len(path) == 1 {
		document[path[0]] = value
		return
	}
	below, ok := document[path[0]].(map[string]any)
	if !ok {
		below = map[string]any{}
		document[path[0]] = below
	}
	put(below, path[1:], value)
}

// differences are in the order of the settings' declaration.
func differences(before, after Settings) (changed []Difference, err error) {
	old, fresh := leaves(reflect.ValueOf(&before).Elem(), ""), leaves(reflect.ValueOf(&after).Elem(), "")
	for i := range fresh {
		d := Difference{Path: fresh[i].path}
		if d.Before, err = old[i].json(); err != nil {
			return nil, err
		}
		if d.After, err = fresh[i].json(); err != nil {
			return nil, err
		}
		if !bytes.Equal(d.Before, d.After) {
			changed = append(changed, d)
		}
	}
	return changed, nil
}

// settings reads the text of a row. Settings that were added since it was
// written have their defaults.
func (s *Service) settings(row Row) (Settings, error) {
	settings := defaults(row.Name, cmp.Or(s.publicURL, row.PublicURL))
	if err := json.Unmarshal([]byte(row.Settings), &settings); err != nil {
		return settings, fmt.Errorf("read the deployment's settings: %w", err)
	}
	return settings, nil
}

func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cached = nil
}
