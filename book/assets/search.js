// Excerpts in the results of a search are read from their pages, which a page opened from disk must
// not do: there the results are titles.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
