package mail

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"unicode"
)

//go:embed layout.html
var layoutText string

var layout = template.Must(template.New("layout").Parse(layoutText))

// render writes a content as text and as HTML. Subject and names are cut to one
// line, so that what people typed never becomes structure of the mail.
func render(c Content, from string) (Rendered, error) {
	c = c.clean()
	sender, err := parseSender(from)
	if err != nil {
		return Rendered{}, err
	}
	if sender.Name == "" {
		sender.Name = c.AppName
	}
	var html bytes.Buffer
	if err := layout.Execute(&html, c); err != nil {
		return Rendered{}, fmt.Errorf("render a mail: %w", err)
	}
	r := Rendered{From: sender.String(), Subject: c.Subject, Text: c.text(), HTML: html.String(), Code: c.Code}
	if c.Action != nil {
		r.Links = []string{c.Action.URL}
	}
	return r, nil
}

// maxSubject keeps a subject readable when a name in it is very long.
const maxSubject = 150

// clean is the content with every text on one line.
func (c Content) clean() Content {
	c.Subject, c.AppName = headerLine(c.Subject), headerLine(c.AppName)
	if runes := []rune(c.Subject); len(runes) > maxSubject {
		c.Subject = string(runes[:maxSubject]) + "…"
	}
	c.Heading, c.Code = oneLine(c.Heading), oneLine(c.Code)
	c.Footer = oneLine(c.Footer)
	paragraphs := make([]string, len(c.Paragraphs))
	for i, p := range c.Paragraphs {
		paragraphs[i] = oneLine(p)
	}
	c.Paragraphs = paragraphs
	if c.Action != nil {
		c.Action = &Action{Label: oneLine(c.Action.Label), URL: oneLine(c.Action.URL)}
	}
	return c
}

// text is the plain text alternative.
func (c Content) text() string {
	var blocks []string
	add := func(s string) {
		if s != "" {
			blocks = append(blocks, s)
		}
	}
	add(c.Heading)
	for _, p := range c.Paragraphs {
		add(p)
	}
	add(c.Code)
	if c.Action != nil {
		add(c.Action.Label + ":\n" + c.Action.URL)
	}
	if c.Footer != "" || c.AppName != "" {
		add(strings.TrimRight("-- \n"+c.AppName+"\n"+c.Footer, "\n"))
	}
	return strings.Join(blocks, "\n\n") + "\n"
}

// headerLine is one line that no reader takes for an encoded word (RFC 2047),
// which could bring the controls back.
func headerLine(s string) string { return strings.ReplaceAll(oneLine(s), "=?", "= ?") }

// oneLine is s without line breaks and controls, and without the marks that
// reorder text (Unicode Standard Annex 9), which could make a name read as
// something else. Each run of them and of spaces becomes one space.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
			unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
	}), " ")
}
