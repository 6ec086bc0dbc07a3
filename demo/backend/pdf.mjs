/*
 * PDF files for the seed: one page of text, and the same with a picture of any
 * size, which is made anew when the seed is loaded rather than kept in it.
 */

/* latin1, as the standard font reads it. */
function assemble(objects) {
  let out = '%PDF-1.4\n';
  const offsets = objects.map((body, i) => {
    const at = out.length;
    out += `${i + 1} 0 obj\n${body}\nendobj\n`;
    return String(at).padStart(10, '0');
  });
  const xref = out.length;

  out += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  out += offsets.map((at) => `${at} 00000 n \n`).join('');
  out += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\n`;
  out += `startxref\n${xref}\n%%EOF\n`;

  return Buffer.from(out, 'latin1');
}

const stream = (dictionary, bytes) =>
  `<< ${dictionary}/Length ${bytes.length} >>\nstream\n${bytes}\nendstream`;

function page(line, image) {
  const text = line.replace(/[\\()]/g, '\\$&');
  const resources = `/Font << /F1 5 0 R >>` +
                    (image ? ' /XObject << /Im1 6 0 R >>' : '');
  const drawn = image ? ` q ${image.width} 0 0 ${image.height} 57 80 cm` +
                        ' /Im1 Do Q' : '';

  return assemble([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R' +
      ` /Resources << ${resources} >> >>`,
    stream('', `BT /F1 14 Tf 60 780 Td (${text}) Tj ET${drawn}`),
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica' +
      ' /Encoding /WinAnsiEncoding >>',
    ...(image ? [image.object] : []),
  ]);
}

/* A one-page PDF that viewers open. */
export function pdf(line) {
  return page(line);
}

/* The same above a picture in shades of grey, one byte each. */
export function scan(line, width, height) {
  const rows = Buffer.alloc(width * height);

  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      rows[y * width + x] = (x * y) >> 6;
    }
  }

  return page(line, {
    width,
    height,
    object: stream(
      `/Type /XObject /Subtype /Image /Width ${width} /Height ${height}` +
        ' /ColorSpace /DeviceGray /BitsPerComponent 8 ',
      rows.toString('latin1')
    ),
  });
}

/* Stands for such a scan in the seed; no base64 has a brace. */
export const scanMark = (line, width, height) =>
  `{scan ${width} ${height} ${line}}`;

export function scanOf(mark) {
  const m = /^\{scan (\d+) (\d+) (.*)\}$/.exec(mark);

  return m ? scan(m[3], Number(m[1]), Number(m[2])) : undefined;
}
