package attach

import "strings"

const maxDiffCells = 4 << 20 // of the table of common lines; beyond it whole stretches are shown as changed

// diff returns the lines that go out of a ("- ") and come into b ("+ "), in order, without context.
func diff(a, b []byte) []string {
	x, y := diffLines(a), diffLines(b)
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	if len(x)*len(y) > maxDiffCells {
		return append(marked("- ", x), marked("+ ", y)...)
	}
	common := commonTable(x, y)
	var out []string
	i, j := 0, 0
	for i < len(x) && j < len(y) {
		switch {
		case x[i] == y[j]:
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			out = append(out, "- "+x[i])
			i++
		default:
			out = append(out, "+ "+y[j])
			j++
		}
	}
	return append(append(out, marked("- ", x[i:])...), marked("+ ", y[j:])...)
}

// commonTable holds the length of the longest common subsequence of x[i:] and y[j:].
func commonTable(x, y []string) [][]int32 {
	table := make([][]int32, len(x)+1)
	for i := range table {
		table[i] = make([]int32, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}

func diffLines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
}

func marked(mark string, lines []string) []string {
	var out []string
	for _, l := range lines {
		out = append(out, mark+l)
	}
	return out
}
