package shape

import (
	"errors"
	"fmt"

	"github.com/itchyny/gojq"
)

// impure are functions whose result depends on more than the record, or that act on
// what isn't there. What a record is must be the same on each gateway, and at each
// time.
var impure = map[string]string{
	"now": "the time isn't the record's", "localtime": "the time zone isn't the record's", "strflocaltime": "the time zone isn't the record's",
	"env": "the environment isn't the record's", "$ENV": "the environment isn't the record's",
	"input": "there is one record", "inputs": "there is one record", "input_line_number": "there is one record", "input_filename": "there is one record",
	"halt": "a program can't end the gateway", "halt_error": "a program can't end the gateway",
	"debug": "there is nobody to read it", "stderr": "there is nobody to read it",
	"modulemeta": "there are no modules", "get_search_list": "there are no modules", "$__prog_args": "there are no arguments",
}

// pure refuses a program that isn't a function of the record alone.
func pure(q *gojq.Query) (err error) {
	visitor{
		query: func(q *gojq.Query) {
			if len(q.Imports) > 0 || q.Meta != nil {
				err = errors.Join(err, errors.New("has modules (import, include, module), which a stream's program can't"))
			}
		},
		call: func(f *gojq.Func) {
			if why, ok := impure[f.Name]; ok {
				err = errors.Join(err, fmt.Errorf("uses %s, which a stream's program can't: %s", f.Name, why))
			}
		},
	}.walk(q)
	return err
}
