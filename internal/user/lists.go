package user

import (
	_ "embed"
	"strings"
)

// The lists are sorted lines; where they come from and under which licence is
// in lists/LICENSES.
var (
	//go:embed lists/passwords.txt
	commonPasswords string
	//go:embed lists/disposable.txt
	disposableDomains string
)

// isCommonPassword reports whether a password is one of those that are tried
// first, in whatever case.
func isCommonPassword(password string) bool {
	return listed(commonPasswords, strings.ToLower(password))
}

// isDisposable reports whether a domain gives away addresses for minutes. A
// line that begins with a dot stands for a domain and all below it.
func isDisposable(domain string) bool {
	if listed(disposableDomains, domain) {
		return true
	}
	for parent, more := domain, true; more; _, parent, more = strings.Cut(parent, ".") {
		if listed(disposableDomains, "."+parent) {
			return true
		}
	}
	return false
}

// listed reports whether a sorted list has the line, by bisection of its text:
// nothing is parsed or held in memory besides the pages that are looked at.
func listed(list, line string) bool {
	low, high := 0, len(list)
	for low < high {
		middle := (low + high) / 2
		start := low + strings.LastIndexByte(list[low:middle], '\n') + 1
		end := start + strings.IndexByte(list[start:], '\n')
		switch found := list[start:end]; {
		case found == line:
			return true
		case found < line:
			low = end + 1
		default:
			high = start
		}
	}
	return false
}
