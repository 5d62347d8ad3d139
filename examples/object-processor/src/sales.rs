//! The work: lines of sales, summed up as their bytes come in.

use serde::Serialize;

/// The longest line, in bytes: what does not end is no CSV file.
const LONGEST_LINE: usize = 64 * 1024;

/// What was sold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sales {
    /// Lines.
    pub rows: u64,
    /// Pieces.
    pub quantity: u64,
    /// Money.
    pub total_cents: u64,
}

/// Reads `sku,quantity,cents` per line, in parts that end anywhere.
#[derive(Debug, Default)]
pub struct SalesReader {
    sales: Sales,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
}

/// The number of a line that is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLine(pub u64);

impl SalesReader {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// The first line that is not understood.
    pub fn read(&mut self, mut bytes: &[u8]) -> Result<(), InvalidLine> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.line()?;
        }
        self.begun.extend_from_slice(bytes);
        match self.begun.len() {
            0..=LONGEST_LINE => Ok(()),
            _ => Err(InvalidLine(self.sales.rows + 1)),
        }
    }

    /// All has been read.
    ///
    /// # Errors
    ///
    /// When the last line, which may lack its end, is not understood.
    pub fn finish(mut self) -> Result<Sales, InvalidLine> {
        if !self.begun.is_empty() {
            self.line()?;
        }
        Ok(self.sales)
    }

    fn line(&mut self) -> Result<(), InvalidLine> {
        let row = self.sales.rows + 1;
        let parsed = parse(&self.begun).and_then(|(quantity, cents)| {
            let total = quantity.checked_mul(cents)?;
            Some(Sales {
                rows: row,
                quantity: self.sales.quantity.checked_add(quantity)?,
                total_cents: self.sales.total_cents.checked_add(total)?,
            })
        });
        self.sales = parsed.ok_or(InvalidLine(row))?;
        self.begun.clear();
        Ok(())
    }
}

fn parse(line: &[u8]) -> Option<(u64, u64)> {
    let mut columns = std::str::from_utf8(line).ok()?.trim_end().split(',');
    let sku = columns.next()?;
    let quantity = columns.next()?.parse().ok()?;
    let cents = columns.next()?.parse().ok()?;
    (!sku.is_empty() && columns.next().is_none()).then_some((quantity, cents))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"KILN-MUG,2,1250\r\nKILN-CAP,1,1990\nKILN-MUG,1,1250";

    #[test]
    fn parts_end_anywhere() {
        for size in 1..=FILE.len() {
            let mut reader = SalesReader::default();
            for part in FILE.chunks(size) {
                reader.read(part).unwrap();
            }
            let sales = Sales {
                rows: 3,
                quantity: 4,
                total_cents: 5_740,
            };
            assert_eq!(reader.finish(), Ok(sales), "parts of {size} bytes");
        }
    }

    #[test]
    fn what_is_no_line_of_ours_is_numbered() {
        for (file, line) in [
            ("KILN-MUG,2,1250\nKILN-CAP,one,1990\n", 2),
            ("KILN-MUG,2\n", 1),
            (",2,1250\n", 1),
            ("KILN-MUG,2,1250,EUR\n", 1),
            ("KILN-MUG,2,1250\n\nKILN-MUG,2,1250\n", 2),
            ("GOLD,18446744073709551615,2\n", 1),
        ] {
            let mut reader = SalesReader::default();
            let read = reader.read(file.as_bytes()).and_then(|()| reader.finish());
            assert_eq!(read, Err(InvalidLine(line)), "{file}");
        }
        let endless = vec![b'x'; LONGEST_LINE + 1];
        assert_eq!(SalesReader::default().read(&endless), Err(InvalidLine(1)));
    }
}
