"""What is put into words: templates, styles, vocabularies, formats, personas, presets; the enhancer; the blocklist."""
