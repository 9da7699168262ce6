package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

const (
	width, height = 900, 400
	left, bottom  = 60, 40
	top, right    = 30, 20
)

// draw writes the memory curve as a PNG, with the axes from zero.
func draw(path string, samples []sample) error {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = 0xff
	}
	most, last := 1.0, samples[len(samples)-1].at.Minutes()
	for _, s := range samples {
		most = max(most, s.mib)
	}
	most = math.Ceil(most/10) * 10
	x := func(minutes float64) int { return left + int(minutes/last*(width-left-right)) }
	y := func(mib float64) int { return height - bottom - int(mib/most*(height-bottom-top)) }
	grey, blue := color.RGBA{0xcc, 0xcc, 0xcc, 0xff}, color.RGBA{0x1f, 0x5f, 0xaf, 0xff}
	for mib := 0.0; mib <= most; mib += 10 {
		line(m, left, y(mib), width-right, y(mib), grey)
		write(m, 8, y(mib)+4, fmt.Sprintf("%3.0f MiB", mib))
	}
	for i := range 5 {
		at := last * float64(i) / 4
		line(m, x(at), height-bottom, x(at), top, grey)
		write(m, x(at)-20, height-bottom+18, fmt.Sprintf("%.0f min", at))
	}
	write(m, left, 18, "postward, both processes: proportional set size")
	for i := 1; i < len(samples); i++ {
		a, b := samples[i-1], samples[i]
		line(m, x(a.at.Minutes()), y(a.mib), x(b.at.Minutes()), y(b.mib), blue)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, m), f.Close())
}

func line(m *image.RGBA, x0, y0, x1, y1 int, c color.Color) {
	steps := max(abs(x1-x0), abs(y1-y0), 1)
	for i := range steps + 1 {
		m.Set(x0+(x1-x0)*i/steps, y0+(y1-y0)*i/steps, c)
	}
}

func abs(n int) int { return max(n, -n) }

func write(m *image.RGBA, x, y int, text string) {
	d := font.Drawer{Dst: m, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	d.DrawString(text)
}
