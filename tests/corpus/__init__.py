"""A corpus of mail of our own making, and real mail where there is some: imported, then read through JMAP."""
