package main

import (
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What a program needs to know of its site; docs/design.md has the whole contract.
type site struct {
	root     string
	artifact string
}

const (
	lookEvery = 250 * time.Millisecond
	// A file that did not change for so long is whole.
	still = 500 * time.Millisecond
)

func siteFromEnvironment() site {
	return site{root: os.Getenv("INPLACE_SITE_ROOT"), artifact: os.Getenv("INPLACE_ARTIFACT")}
}

// newerRelease gives the name of another artifact as soon as the pointer names one that is there. Looking is enough:
// a release comes a few times a day, and file system events get lost on network shares.
func (s site) newerRelease() <-chan string {
	found := make(chan string, 1)
	if s.root == "" {
		return found
	}
	own, _ := os.Stat(s.path("_target", s.artifact))
	dropped := newDrops(s)
	go func() {
		for {
			time.Sleep(lookEvery)
			if s.replaced(own) {
				found <- s.artifact
				return
			}
			dropped.adopt()
			if named := s.pointer(); named != "" && named != s.artifact && s.exists("_target", named) && !s.exists(".inplace", "failed", named) {
				found <- named
				return
			}
		}
	}()
	return found
}

// replaced says whether somebody moved another file over this program's own, and it is whole.
func (s site) replaced(own os.FileInfo) bool {
	now, err := os.Stat(s.path("_target", s.artifact))
	return err == nil && own != nil && !os.SameFile(own, now) && time.Since(now.ModTime()) > still
}

// pointer gives the name in _artifact.txt: one line, _target\NAME or _target/NAME.
func (s site) pointer() string {
	content, err := os.ReadFile(s.path("_artifact.txt"))
	if err != nil {
		return ""
	}
	line := strings.Trim(strings.TrimPrefix(string(content), "\ufeff"), "\" \t\r\n")
	name := strings.TrimPrefix(strings.ReplaceAll(line, `\`, "/"), "_target/")
	if strings.ContainsAny(name, "/\n") || strings.HasPrefix(name, ".") {
		return ""
	}
	return name
}

func (s site) markGood() {
	if s.root != "" {
		s.write(filepath.Join(".inplace", "last-good"), s.artifact+"\n")
	}
}

// write replaces a file as a whole: whoever reads it sees the old content or the new.
func (s site) write(name, content string) {
	path := s.path(name)
	temporary := filepath.Join(s.root, ".inplace", "staging", filepath.Base(name)+".go.tmp")
	err := os.MkdirAll(filepath.Dir(temporary), 0o755)
	if err == nil {
		err = os.WriteFile(temporary, []byte(content), 0o644)
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		log.Print(err)
	}
}

func (s site) path(parts ...string) string {
	return filepath.Join(append([]string{s.root}, parts...)...)
}

func (s site) exists(parts ...string) bool {
	_, err := os.Stat(s.path(parts...))
	return err == nil
}
