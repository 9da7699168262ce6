package main

import (
	"reflect"
	"time"

	"postward/internal/guard"
)

// policyNumbers returns every number and every span of the default policy, in order of its fields: the thief has read
// them. By reflection, so that he reads those that are added too.
func policyNumbers() (numbers []int, spans []time.Duration) {
	var read func(v reflect.Value)
	read = func(v reflect.Value) {
		switch {
		case v.Type() == reflect.TypeFor[time.Duration]():
			spans = append(spans, time.Duration(v.Int()))
		case v.Kind() == reflect.Int:
			numbers = append(numbers, int(v.Int()))
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				read(v.Field(i))
			}
		}
	}
	read(reflect.ValueOf(*guard.DefaultPolicy()))
	return numbers, spans
}
