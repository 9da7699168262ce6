package facts

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postward/test/rig"
)

// TestAWrongLineIsNamed: a file in a directory, its line, and what is wrong; what stands in other files is not read any more.
func TestAWrongLineIsNamed(t *testing.T) {
	dir := rig.WriteDir(t, map[string]string{"a.yaml": "name: x\n", "b.yaml": "name: y\nnome: z\n", "c.txt": "name: [\n"})
	var names []string
	err := Each(dir, func(file string, data []byte) error {
		in, name := &File{Name: file}, ""
		in.Fields(in.Parse(data), map[string]func(*yaml.Node){"name": in.Text(&name)})
		if names = append(names, name); len(in.Errs) > 0 {
			return in.Errs[0]
		}
		return nil
	})
	if err == nil || !strings.HasSuffix(err.Error(), `b.yaml:2: unknown key "nome"`) || strings.Join(names, " ") != "x y" {
		t.Errorf("%q, %v", names, err)
	}
}

func TestADirectoryThatIsNotThereHasNoFiles(t *testing.T) {
	if err := Each("/nowhere/at/all", func(string, []byte) error { t.Error("a file"); return nil }); err != nil {
		t.Error(err)
	}
}
