package main

import (
	"bytes"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// drops finds what somebody copied into _target by hand.
type drops struct {
	site site
	// When what lay there at the start was changed: in a copy of the site, old files are newer than the pointer.
	before map[string]time.Time
	// What was refused, and when it was changed: it is said once.
	refused map[string]time.Time
}

func newDrops(site site) *drops {
	found := &drops{site: site, before: map[string]time.Time{}, refused: map[string]time.Time{}}
	for name, at := range found.all() {
		found.before[name] = at
	}
	return found
}

// adopt lets the pointer name the newest file that came after the last release. What inplace-deploy deploys has a manifest, and
// its own pointer follows.
func (d *drops) adopt() {
	pointer, err := os.Stat(d.site.path("_artifact.txt"))
	if err != nil {
		return
	}
	newest, newestAt := "", pointer.ModTime()
	for name, at := range d.all() {
		if !at.After(newestAt) || at.Equal(d.before[name]) || at.Equal(d.refused[name]) || time.Since(at) <= still {
			continue
		}
		if !d.site.startable(name) {
			d.refused[name] = at
			log.Printf("%q in _target is not taken: it is no program", name)
			continue
		}
		newest, newestAt = name, at
	}
	if newest != "" && newest != d.site.artifact {
		d.site.write("_artifact.txt", "_target/"+newest+"\n")
	}
}

// all gives when what may be a drop was changed.
func (d *drops) all() map[string]time.Time {
	found := map[string]time.Time{}
	entries, _ := os.ReadDir(d.site.path("_target"))
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || temporary(entry.Name()) || d.site.exists(".inplace", "manifests", entry.Name()+".json") {
			continue
		}
		found[entry.Name()] = info.ModTime()
	}
	return found
}

func temporary(name string) bool {
	switch filepath.Ext(name) {
	case ".tmp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".swp":
		return true
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~$") || strings.HasSuffix(name, "~")
}

var (
	onWindows = regexp.MustCompile(`(?i)\.([cm]?js|exe|com|cmd|bat)$`)
	elsewhere = regexp.MustCompile(`(?i)\.([cm]?js|sh)$`)
	batchFile = regexp.MustCompile(`(?i)\.(cmd|bat)$`)
	leftover  = regexp.MustCompile(`(?i)( - copy| \(\d+\))(\.[^. ]+)?$|^new folder|\.(bak|old|orig|lock|so|dll|node|debug)$`)
)

// startable says whether a launcher starts it, as docs/launchers.md has it; archives are unpacked by apps that have the runtime.
// Of folders only those are taken here that name their entry point.
func (s site) startable(name string) bool {
	path := s.path("_target", name)
	info, err := os.Lstat(path)
	switch {
	case err != nil || leftover.MatchString(name):
		return false
	case info.IsDir():
		return s.exists("_target", name, "_entry.txt")
	case !info.Mode().IsRegular() || info.Size() == 0:
		return false
	case os.PathSeparator == '\\':
		return onWindows.MatchString(name)
	case batchFile.MatchString(name):
		return false
	}
	return elsewhere.MatchString(name) || beginsAsProgram(path)
}

func beginsAsProgram(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	begin := make([]byte, 4)
	file.Read(begin)
	for _, magic := range []string{"#!", "\x7fELF", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"} {
		if bytes.HasPrefix(begin, []byte(magic)) {
			return true
		}
	}
	return false
}
