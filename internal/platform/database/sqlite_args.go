package database

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
)

// sqliteArgs turns arguments into what the driver binds.
func sqliteArgs(args []any) ([]driver.NamedValue, error) {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		v, err := sqliteValue(arg)
		if err != nil {
			return nil, fmt.Errorf("argument $%d: %w", i+1, err)
		}
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return values, nil
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
		if rv := reflect.ValueOf(arg); rv.Kind() == reflect.Pointer && rv.IsNil() {
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
