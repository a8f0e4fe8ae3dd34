"""One file for each section of the page; `page.table` lists them in their order."""
