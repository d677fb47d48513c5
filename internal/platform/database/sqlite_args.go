package database

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
)

// isSingle reports whether there are lists, all of one item, which is usual.
// Then the items are bound: that is found several times faster than what is in
// a JSON array.
func isSingle(args []any) (single bool) {
	for _, arg := range args {
		if list := listOf(arg); list.IsValid() {
			if list.Len() != 1 {
				return false
			}
			single = true
		}
	}
	return single
}

// listOf is the list that an argument is, invalid when it is something else.
func listOf(arg any) reflect.Value {
	switch arg.(type) {
	case nil, int64, string, float64, bool, []byte, driver.Valuer:
		return reflect.Value{}
	}
	if v := reflect.ValueOf(arg); v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 {
		return v
	}
	return reflect.Value{}
}

func isNil(arg any) bool {
	v := reflect.ValueOf(arg)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// sqliteValue is an integer, a text, a blob, a real or NULL. A list is a JSON
// array.
func sqliteValue(arg any) (driver.Value, error) {
	switch v := arg.(type) {
	case nil, int64, string, float64:
		return v, nil
	case bool:
		return v, nil
	case []byte:
		if v == nil {
			return nil, nil
		}
		return v, nil
	case driver.Valuer:
		if isNil(arg) {
			return nil, nil
		}
		return v.Value()
	}
	v := reflect.ValueOf(arg)
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return sqliteValue(v.Elem().Interface())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.Slice:
		return sqliteList(v)
	}
	return nil, fmt.Errorf("database: cannot bind a %T", arg)
}

func sqliteList(v reflect.Value) (driver.Value, error) {
	list := make([]any, v.Len())
	for i := range list {
		item, err := sqliteValue(v.Index(i).Interface())
		if err != nil {
			return nil, err
		}
		if _, ok := item.([]byte); ok {
			return nil, fmt.Errorf("database: cannot bind a list of %s", v.Type().Elem())
		}
		list[i] = item
	}
	b, err := json.Marshal(list)
	return string(b), err
}
