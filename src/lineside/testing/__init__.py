"""Stand-ins and conformance suites that plug-in authors use too."""
